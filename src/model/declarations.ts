import * as integrations from "./integration-results.ts";
import * as networks from "./network-results.ts";
import * as results from "./results.ts";
import * as services from "./service-results.ts";
import * as shells from "./shell-results.ts";
import * as standbys from "./standby-results.ts";
import * as workspaces from "./workspace-results.ts";

/** Every result that leaves pyro, by name. */
export const declarations = {
  run: results.runResultSchema,
  environmentList: results.environmentListSchema,
  environmentDetail: results.environmentDetailSchema,
  pull: results.pullResultSchema,
  prune: results.pruneResultSchema,
  doctor: results.doctorReportSchema,
  demo: results.demoResultSchema,
  vm: results.vmSchema,
  vmNetwork: results.vmNetworkSchema,
  vmExec: results.vmExecResultSchema,
  deleted: results.deletedSchema,
  reap: results.reapResultSchema,
  standbyStatus: standbys.standbyStatusSchema,
  standbyEnded: standbys.standbyEndedSchema,
  hostConnection: integrations.hostConnectionSchema,
  hostConfiguration: integrations.hostConfigurationSchema,
  hostReport: integrations.hostReportSchema,
  hostRepair: integrations.hostRepairSchema,
  workspace: workspaces.workspaceSchema,
  workspaceList: workspaces.workspaceListSchema,
  workspaceExec: workspaces.workspaceExecSchema,
  workspaceLogs: workspaces.workspaceLogsSchema,
  commandOutput: workspaces.commandOutputSchema,
  workspaceSummary: workspaces.workspaceSummarySchema,
  workspaceFileList: workspaces.workspaceFileListSchema,
  workspaceFileRead: workspaces.workspaceFileReadSchema,
  workspaceFileWrite: workspaces.workspaceFileWriteSchema,
  workspaceSync: workspaces.workspaceSyncSchema,
  workspacePatch: workspaces.workspacePatchSchema,
  workspaceDiff: workspaces.workspaceDiffSchema,
  workspaceExport: workspaces.workspaceExportSchema,
  workspacePatchExport: workspaces.workspacePatchExportSchema,
  workspaceSecrets: workspaces.workspaceSecretsSchema,
  snapshotCreated: workspaces.snapshotCreatedSchema,
  workspaceDiskExport: workspaces.workspaceDiskExportSchema,
  snapshotList: workspaces.snapshotListSchema,
  snapshotDeleted: workspaces.snapshotDeletedSchema,
  service: services.workspaceServiceSchema,
  serviceList: services.serviceListSchema,
  serviceLogs: services.serviceLogsSchema,
  portPublished: services.portPublishedSchema,
  portList: services.portListSchema,
  portUnpublished: services.portUnpublishedSchema,
  network: networks.networkSchema,
  networkCheck: networks.networkCheckSchema,
  networkLog: networks.networkLogSchema,
  networkLearned: workspaces.learnedNetworkSchema,
  networkConnection: networks.networkConnectionSchema,
  shell: shells.shellSchema,
  shellList: shells.shellListSchema,
  shellRead: shells.shellReadSchema,
  shellWrite: shells.shellWriteSchema,
  shellResize: shells.shellResizeSchema,
  shellSignal: shells.shellSignalSchema,
  workspaceDeleted: workspaces.workspaceDeletedSchema,
  workspaceGc: workspaces.workspaceGcSchema,
} as const;

export type ResultName = keyof typeof declarations;
