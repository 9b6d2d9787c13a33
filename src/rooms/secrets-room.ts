import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type { WorkspaceSecrets } from "../model/workspace-results.ts";
import type { SecretSource } from "../workspace/life/workspace-options.ts";

/** The secrets of one workspace. */
export class SecretsRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  list(): Promise<WorkspaceSecrets> {
    return this.#methods.listSecrets(this.#id);
  }

  set(...secrets: readonly SecretSource[]): Promise<WorkspaceSecrets> {
    return this.#methods.setSecrets(this.#id, { secrets });
  }

  remove(name: string): Promise<WorkspaceSecrets> {
    return this.#methods.removeSecret(this.#id, name);
  }
}
