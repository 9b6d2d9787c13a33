import type { ResultName } from "./model/declarations.ts";

export type { ResultName };

/** A result as it stands in CLI JSON and MCP answers. The declarations are loaded only when somebody needs them. */
export async function wireFormat(name: ResultName, value: unknown): Promise<unknown> {
  const [{ declarations }, { toWire }] = await Promise.all([
    import("./model/declarations.ts"),
    import("./model/wire.ts"),
  ]);
  return toWire(declarations[name], value);
}
