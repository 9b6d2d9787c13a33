import { catalog } from "../../environments/catalog.ts";
import { ImageStore } from "../../environments/store.ts";
import type { Config } from "../../platform/config.ts";
import { Registry } from "../../registry/database.ts";
import { PortTable } from "../../registry/published-ports.ts";
import { ServiceTable } from "../../registry/services.ts";
import { SnapshotTable } from "../../registry/snapshots.ts";
import { type WorkspaceRow, WorkspaceTable } from "../../registry/workspaces.ts";
import { KeptSecrets } from "../records/kept-secrets.ts";
import { workspaceFiles } from "../records/workspace-files.ts";
import type { KnownName } from "./known-name.ts";

export interface KnownWorkspace {
  readonly workspaceId: string;
  readonly name: string | null;
  readonly summary: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * What there is by name at this moment, for whoever only wants to know how it is spelled. Looking changes nothing, waits
 * for nobody and starts nothing: what cannot be said at once is not said. Names are as they were given; whoever prints them
 * makes them safe.
 */
export class KnownNames implements Disposable {
  readonly #config: Pick<Config, "cacheDirectory" | "stateDirectory">;
  readonly #registry: Registry | undefined;

  constructor(config: Pick<Config, "cacheDirectory" | "stateDirectory">) {
    this.#config = config;
    this.#registry = Registry.openToRead(config.stateDirectory);
  }

  /** Of the catalog, and whatever else is installed. */
  async environments(): Promise<readonly KnownName[]> {
    const others = (await new ImageStore(this.#config.cacheDirectory).list())
      .filter(({ environment }) => !catalog.some(({ name }) => name === environment))
      .map(({ environment }) => ({ value: environment, summary: "installed" }));
    return [...catalog.map(({ name, summary }) => ({ value: name, summary })), ...others];
  }

  /** The last used first. */
  workspaces(): readonly KnownWorkspace[] {
    return this.#rows().map(({ workspaceId, name, labels, state, environment }) => ({
      workspaceId,
      name,
      labels,
      summary: `${state}, ${environment}`,
    }));
  }

  services(workspace: string): readonly KnownName[] {
    return this.#of(workspace, (registry, { workspaceId }) =>
      new ServiceTable(registry).list(workspaceId).map(({ name, state }) => ({
        value: name,
        summary: state,
      })),
    );
  }

  snapshots(workspace: string): readonly KnownName[] {
    return this.#of(workspace, (registry, { workspaceId }) =>
      new SnapshotTable(registry).list(workspaceId).map(({ name, createdAt }) => ({
        value: name,
        summary: createdAt,
      })),
    );
  }

  ports(workspace: string): readonly KnownName[] {
    return this.#of(workspace, (registry, { workspaceId }) =>
      new PortTable(registry).list(workspaceId).map(({ hostPort, guestPort }) => ({
        value: String(hostPort),
        summary: `to ${guestPort} of the guest`,
      })),
    );
  }

  secrets(workspace: string): readonly KnownName[] {
    return this.#of(workspace, (_, { workspaceId }) => {
      const { secretsPath } = workspaceFiles(this.#config.stateDirectory, workspaceId);
      return new KeptSecrets(secretsPath).told().map(({ name, sourceKind, credential }) => ({
        value: name,
        summary: credential === null ? `from ${sourceKind}` : `for ${credential.hosts.join(",")}`,
      }));
    });
  }

  /** By their targets, which stand for them where they are taken away. */
  networkRules(workspace: string): readonly KnownName[] {
    return this.#of(workspace, (_, { egress }) =>
      egress.rules.map((rule) => ({ value: rule.replace(/^\S+ /, ""), summary: rule })),
    );
  }

  /** Of a workspace whose supervisor is there and answers at once. */
  async shells(workspace: string): Promise<readonly KnownName[]> {
    const [row] = this.#of(workspace, (_, found) => [found]);
    if (row?.state !== "started") return [];
    const { supervisorSocketPath } = workspaceFiles(this.#config.stateDirectory, row.workspaceId);
    // Its protocol takes as long to load as everything else together.
    const { askForShells } = await import("./ask-for-shells.ts");
    return await askForShells(supervisorSocketPath);
  }

  #rows(): readonly WorkspaceRow[] {
    if (this.#registry === undefined) return [];
    return new WorkspaceTable(this.#registry).list("workspace");
  }

  /** Something of the one workspace that `text` stands for. */
  #of<T>(
    text: string,
    look: (registry: Registry, row: WorkspaceRow) => readonly T[],
  ): readonly T[] {
    if (this.#registry === undefined || text === "") return [];
    const [row, ...others] = new WorkspaceTable(this.#registry).match(text);
    return row === undefined || others.length > 0 ? [] : look(this.#registry, row);
  }

  [Symbol.dispose](): void {
    this.#registry?.[Symbol.dispose]();
  }
}
