import { existsSync } from "node:fs";
import type { Host } from "../machines/host.ts";
import { type WorkspaceFiles, workspaceFiles } from "../records/workspace-files.ts";
import { WorkspaceRecords } from "../records/workspace-records.ts";
import { Supervisors } from "./supervisors.ts";

/** What every operation on workspaces needs. */
export class WorkspaceContext implements Disposable {
  readonly host: Host;
  readonly supervisors: Supervisors;
  #records: WorkspaceRecords | undefined;

  constructor(host: Host, supervisorPath: string) {
    this.host = host;
    this.supervisors = new Supervisors({ config: host.config, program: supervisorPath });
  }

  /** Opened when it is first needed. */
  get records(): WorkspaceRecords {
    if (this.#records === undefined) {
      this.host.prepareDirectories();
      this.#records = WorkspaceRecords.open(this.host.config.stateDirectory);
    }
    return this.#records;
  }

  files(workspaceId: string): WorkspaceFiles {
    return workspaceFiles(this.host.config.stateDirectory, workspaceId);
  }

  /** Whether a workspace has any files at all. */
  hasDirectory(workspaceId: string): boolean {
    return existsSync(this.files(workspaceId).directory);
  }

  [Symbol.dispose](): void {
    this.supervisors.close();
    this.#records?.[Symbol.dispose]();
    this.#records = undefined;
  }
}
