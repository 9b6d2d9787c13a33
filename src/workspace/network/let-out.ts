import type { AgentClient } from "../../channel/agent-client.ts";
import type { OneShotEgress, OneShotWayOut } from "./one-shot-egress.ts";

/** Lets a machine of this process out until the answer is disposed of; the code for it is loaded only then. */
export async function letOut(client: AgentClient, wayOut: OneShotWayOut): Promise<OneShotEgress> {
  const { OneShotEgress } = await import("./one-shot-egress.ts");
  return OneShotEgress.open(client, wayOut);
}
