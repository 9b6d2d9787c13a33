/** Results by the name of their declaration. */
export type ResultName =
  | "run"
  | "environmentList"
  | "environmentDetail"
  | "pull"
  | "prune"
  | "doctor"
  | "demo"
  | "vm"
  | "vmNetwork"
  | "vmExec"
  | "deleted"
  | "reap";

/** A result as it stands in CLI JSON and MCP answers. The declarations are loaded only when somebody needs them. */
export async function wireFormat(name: ResultName, value: unknown): Promise<unknown> {
  const [results, { toWire }] = await Promise.all([
    import("./model/results.ts"),
    import("./model/wire.ts"),
  ]);
  const schemas = {
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
  } satisfies Record<ResultName, unknown>;
  return toWire(schemas[name], value);
}
