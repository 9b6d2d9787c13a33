import {
  type Adopted,
  adoptWorkspace,
  type KnownWorkspace,
} from "../../registry/adopt-workspace.ts";
import { ConnectionTable } from "../../registry/connections.ts";
import { Registry, type RegistryOptions } from "../../registry/database.ts";
import { Journal } from "../../registry/journal.ts";
import { PortTable } from "../../registry/published-ports.ts";
import { ServiceTable } from "../../registry/services.ts";
import { SnapshotTable } from "../../registry/snapshots.ts";
import { WorkspaceTable } from "../../registry/workspaces.ts";
import { KeptSecrets } from "./kept-secrets.ts";
import { describeOnDisk } from "./workspace-description.ts";
import { workspaceFiles } from "./workspace-files.ts";

/** What is remembered about workspaces. */
export class WorkspaceRecords implements Disposable {
  readonly workspaces: WorkspaceTable;
  readonly journal: Journal;
  readonly snapshots: SnapshotTable;
  readonly services: ServiceTable;
  readonly ports: PortTable;
  readonly connections: ConnectionTable;
  readonly #registry: Registry;
  readonly #stateDirectory: string;
  readonly #secrets = new Map<string, KeptSecrets>();

  private constructor(registry: Registry, stateDirectory: string) {
    this.#registry = registry;
    this.#stateDirectory = stateDirectory;
    const onChange = (workspaceId: string) => this.describe(workspaceId);
    this.workspaces = new WorkspaceTable(registry, onChange);
    this.journal = new Journal(registry, (workspaceId) => this.secrets(workspaceId).knownValues());
    this.snapshots = new SnapshotTable(registry, onChange);
    this.services = new ServiceTable(registry, onChange);
    this.ports = new PortTable(registry, onChange);
    this.connections = new ConnectionTable(registry);
  }

  static open(stateDirectory: string, options?: RegistryOptions): WorkspaceRecords {
    return new WorkspaceRecords(Registry.open(stateDirectory, options), stateDirectory);
  }

  /** Takes a workspace over as its directory describes it. */
  adopt(described: KnownWorkspace): Adopted {
    const adopted = adoptWorkspace(this.#registry, described);
    this.describe(described.row.workspaceId);
    return adopted;
  }

  /** Makes the workspace's directory tell what is known of it, as every change does. */
  describe(workspaceId: string): void {
    const row = this.workspaces.find(workspaceId);
    if (row === undefined) return;
    describeOnDisk(workspaceFiles(this.#stateDirectory, workspaceId), {
      row,
      snapshots: this.snapshots.list(workspaceId),
      services: this.services.list(workspaceId),
      ports: this.ports.list(workspaceId),
    });
  }

  /** A workspace's secrets; the one instance of this process. */
  secrets(workspaceId: string): KeptSecrets {
    const known = this.#secrets.get(workspaceId);
    if (known !== undefined) return known;
    const kept = new KeptSecrets(workspaceFiles(this.#stateDirectory, workspaceId).secretsPath);
    this.#secrets.set(workspaceId, kept);
    return kept;
  }

  [Symbol.dispose](): void {
    this.#registry[Symbol.dispose]();
  }
}

/** The moment, as the registry has it. */
export function now(): string {
  return new Date().toISOString();
}
