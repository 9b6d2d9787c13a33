import type { Tool } from "../tool.ts";
import { workspaceDiff, workspacePatchApply, workspaceSummary } from "./change-tools.ts";
import { workspaceDiskExport, workspaceDiskList, workspaceDiskRead } from "./disk-tools.ts";
import {
  workspaceExport,
  workspaceFileList,
  workspaceFileRead,
  workspaceFileWrite,
  workspaceSyncPush,
} from "./file-tools.ts";
import { vmRun } from "./run-tools.ts";
import {
  serviceList,
  serviceLogs,
  serviceStart,
  serviceStatus,
  serviceStop,
} from "./service-tools.ts";
import { shellClose, shellOpen, shellRead, shellSignal, shellWrite } from "./shell-tools.ts";
import { snapshotCreate, snapshotDelete, snapshotList } from "./snapshot-tools.ts";
import {
  vmCreate,
  vmDelete,
  vmExec,
  vmListEnvironments,
  vmNetworkInfo,
  vmReapExpired,
  vmStart,
  vmStatus,
  vmStop,
} from "./vm-tools.ts";
import { workspaceExec } from "./workspace-exec.ts";
import { workspaceLogs } from "./workspace-logs.ts";
import {
  workspaceCreate,
  workspaceDelete,
  workspaceList,
  workspaceReset,
  workspaceStart,
  workspaceStatus,
  workspaceStop,
  workspaceUpdate,
} from "./workspace-tools.ts";

/** Every tool, in the order in which clients are told of them. */
export const allTools: readonly Tool[] = [
  vmRun,
  workspaceCreate,
  workspaceList,
  workspaceUpdate,
  workspaceStatus,
  workspaceSyncPush,
  workspaceExec,
  workspaceLogs,
  workspaceSummary,
  workspaceFileList,
  workspaceFileRead,
  workspaceFileWrite,
  workspacePatchApply,
  workspaceDiff,
  workspaceExport,
  workspaceReset,
  workspaceDelete,
  vmListEnvironments,
  vmCreate,
  vmStart,
  vmExec,
  vmStop,
  vmDelete,
  vmStatus,
  vmNetworkInfo,
  vmReapExpired,
  workspaceStop,
  workspaceStart,
  workspaceDiskExport,
  workspaceDiskList,
  workspaceDiskRead,
  snapshotCreate,
  snapshotList,
  snapshotDelete,
  serviceStart,
  serviceList,
  serviceStatus,
  serviceLogs,
  serviceStop,
  shellOpen,
  shellRead,
  shellWrite,
  shellSignal,
  shellClose,
];
