import type { WorkspaceSecrets } from "../model/workspace-results.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import type { SetSecretsOptions } from "../workspace/life/workspace-options.ts";
import { listSecrets, removeSecret, setSecrets } from "../workspace/secrets/manage-secrets.ts";
import { ShellMethods } from "./shell-methods.ts";

/** What commands of a workspace may use and nobody may see. */
export class SecretMethods extends ShellMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
  }

  /** Names of a workspace's secrets and how they were handed over. */
  listSecrets(id: string): Promise<WorkspaceSecrets> {
    return listSecrets(this.#context, id);
  }

  /** Adds secrets, or replaces those of the same name; commands that begin after it get them. */
  setSecrets(id: string, options: SetSecretsOptions): Promise<WorkspaceSecrets> {
    return setSecrets(this.#context, id, options);
  }

  /** Takes a secret away; what runs already has had it. */
  removeSecret(id: string, name: string): Promise<WorkspaceSecrets> {
    return removeSecret(this.#context, id, name);
  }
}
