// The SDK without its MCP server, which is made of it: index.ts joins the two.
export type { OutputSink } from "./channel/exec.ts";
export { type CatalogEntry, catalog } from "./environments/catalog.ts";
export {
  type CredentialOptions,
  type ReadyCredentialName,
  readyCredentialNames,
} from "./model/credentials.ts";
export {
  destinationText,
  type EgressOptions,
  type EgressPreset,
  egressPresets,
  hostInRule,
  isOfProject,
  projectRefusalHint,
  projectWayOut,
} from "./model/egress.ts";
export {
  asPyroError,
  type ErrorCode,
  errorCodes,
  PyroError,
  systemErrorCode,
} from "./model/errors.ts";
export type * from "./model/integration-results.ts";
export { lastFrames } from "./model/last-frames.ts";
export { defaults, limits } from "./model/limits.ts";
export {
  type CpuLevel,
  cpuLevels,
  letsOut,
  type NetworkPolicy,
  networkPolicies,
} from "./model/machine-options.ts";
export { nearest } from "./model/nearest.ts";
export type * from "./model/network-results.ts";
export type * from "./model/results.ts";
export type { SecretEnv, SecretSourceKind } from "./model/secrets.ts";
export type {
  PortToPublish,
  Readiness,
  RestartPolicy,
  ServiceState,
} from "./model/service-definition.ts";
export type * from "./model/service-results.ts";
export type * from "./model/shell-results.ts";
export type * from "./model/standby-results.ts";
export { visibleJson, visibleText } from "./model/text.ts";
export type * from "./model/workspace-results.ts";
export {
  type Config,
  type EnvironmentVariable,
  environmentVariables,
  readConfig,
  userEnvironment,
} from "./platform/config.ts";
export { elapsedMs, startTrace, type Trace } from "./platform/trace.ts";
export { Pyro, type PyroOptions } from "./pyro.ts";
export { DiskRoom } from "./rooms/disk-room.ts";
export { FilesRoom } from "./rooms/files-room.ts";
export { NetworkRoom } from "./rooms/network-room.ts";
export { PortsRoom } from "./rooms/ports-room.ts";
export { SecretsRoom } from "./rooms/secrets-room.ts";
export { ServicesRoom } from "./rooms/services-room.ts";
export { ShellRoom, ShellsRoom } from "./rooms/shells-room.ts";
export { SnapshotsRoom } from "./rooms/snapshots-room.ts";
export { type ExecOptions, WorkspaceRoom } from "./rooms/workspace-room.ts";
export { WorkspacesRoom } from "./rooms/workspaces-room.ts";
export { version } from "./version.ts";
export { type ResultName, wireFormat } from "./wire.ts";
export type { LearnNetworkOptions } from "./workspace/commands/learn-network.ts";
export type { PullOptions } from "./workspace/environments/environments.ts";
export type { PruneOptions } from "./workspace/life/prune-environments.ts";
export type * from "./workspace/life/workspace-options.ts";
export type { OnProgress, Progress, WorkOptions } from "./workspace/machines/host.ts";
export type { FollowNetworkOptions } from "./workspace/network/follow-network.ts";
export type {
  ChangeNetworkOptions,
  NetworkLogOptions,
} from "./workspace/network/manage-network.ts";
export { readyCredential, readyCredentialNamed } from "./workspace/secrets/ready-credentials.ts";
export type * from "./workspace/services/service-options.ts";
export type * from "./workspace/shells/shell-options.ts";
export type { KeepStandbysOptions } from "./workspace/standby/manage-standbys.ts";
export type { RunInVmOptions } from "./workspace/vms/run-in-vm.ts";
export type { CreateVmOptions, ExecVmOptions } from "./workspace/vms/vms.ts";
