import type { AgentClient } from "../../channel/agent-client.ts";
import type { EgressPolicy } from "../../model/egress.ts";
import type { OneShotEgress } from "./one-shot-egress.ts";

/** Lets a machine of this process out until the answer is disposed of; the code for it is loaded only then. */
export async function letOut(client: AgentClient, policy: EgressPolicy): Promise<OneShotEgress> {
  const { OneShotEgress } = await import("./one-shot-egress.ts");
  return OneShotEgress.open(client, policy);
}
