import { HostRoots } from "../project/host-roots.ts";
import type { Pyro } from "../sdk.ts";
import type { Call } from "./tool.ts";

/** What a tool has at hand outside of a server: the engine, and nothing of the host. */
export function callAlone(pyro: Pyro, options: Pick<Call, "signal" | "report">): Call {
  return {
    pyro: async () => pyro,
    roots: new HostRoots([]),
    project: undefined,
    ...options,
  };
}
