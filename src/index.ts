// The public SDK. Everything a caller may rely on is named here; the command line uses nothing else.
export type { OutputSink } from "./channel/exec.ts";
export { type CatalogEntry, catalog } from "./environments/catalog.ts";
export {
  asPyroError,
  type ErrorCode,
  errorCodes,
  PyroError,
  systemErrorCode,
} from "./model/errors.ts";
export { defaults, limits } from "./model/limits.ts";
export { nearest } from "./model/nearest.ts";
export type * from "./model/results.ts";
export { visibleText } from "./model/text.ts";
export {
  type Config,
  type EnvironmentVariable,
  environmentVariables,
  readConfig,
} from "./platform/config.ts";
export { startTrace, type Trace } from "./platform/trace.ts";
export { Pyro, type PyroOptions } from "./pyro.ts";
export { version } from "./version.ts";
export { type ResultName, wireFormat } from "./wire.ts";
export type { PruneOptions, PullOptions } from "./workspace/environments.ts";
export type { OnProgress, Progress, WorkOptions } from "./workspace/host.ts";
export type { RunInVmOptions } from "./workspace/run-in-vm.ts";
export type { CreateVmOptions, ExecVmOptions } from "./workspace/vms.ts";
