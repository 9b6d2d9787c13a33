import { join } from "node:path";
import { kindOf, type WorkspaceKind } from "../../model/workspace-names.ts";

/** Where a workspace's files are: one directory a workspace, in the state directory. */
export interface WorkspaceFiles {
  readonly directory: string;
  /** What the workspace is, for whoever has no registry that knows. */
  readonly descriptionPath: string;
  /** Held by whoever may change the workspace's machine or files. */
  readonly lockPath: string;
  readonly diskPath: string;
  /** In place of a disk, for workspaces without isolation. */
  readonly rootDirectory: string;
  /** The disk or directory that a reset prepares. */
  readonly nextDiskPath: string;
  /** Sockets of the machine's monitor. */
  readonly socketsDirectory: string;
  /** Why what guards the machine ended it, once it did. */
  readonly guardianWordPath: string;
  readonly supervisorSocketPath: string;
  readonly supervisorLogPath: string;
  /** What the workspace held when it was created. */
  readonly baselineDirectory: string;
  readonly snapshotsDirectory: string;
  /** Held by whoever keeps or removes a snapshot, however long its guest stands still. */
  readonly snapshotsLockPath: string;
  /** The values of its secrets, for its user alone. */
  readonly secretsPath: string;
  /** The proxies that it is let out by, which may have passwords, for its user alone. */
  readonly proxiesPath: string;
  /** One file a command. */
  readonly outputDirectory: string;
}

const directoryNames: Readonly<Record<WorkspaceKind, string>> = {
  workspace: "workspaces",
  vm: "vms",
};

/** The directory that all workspaces, or all VMs, are in. */
export function workspacesDirectory(stateDirectory: string, kind: WorkspaceKind): string {
  return join(stateDirectory, directoryNames[kind]);
}

export function workspaceFiles(stateDirectory: string, workspaceId: string): WorkspaceFiles {
  const kind = kindOf(workspaceId);
  const directory = join(workspacesDirectory(stateDirectory, kind), workspaceId);
  return {
    directory,
    descriptionPath: join(directory, `${kind}.json`),
    lockPath: join(directory, "lock"),
    diskPath: join(directory, "disk.ext4"),
    rootDirectory: join(directory, "root"),
    nextDiskPath: join(directory, "next"),
    socketsDirectory: join(directory, "sockets"),
    guardianWordPath: join(directory, "sockets", "ended"),
    supervisorSocketPath: join(directory, "supervisor.sock"),
    supervisorLogPath: join(directory, "supervisor.log"),
    baselineDirectory: join(directory, "baseline"),
    snapshotsDirectory: join(directory, "snapshots"),
    snapshotsLockPath: join(directory, "snapshots.lock"),
    secretsPath: join(directory, "secrets.json"),
    proxiesPath: join(directory, "proxies.json"),
    outputDirectory: join(directory, "output"),
  };
}
