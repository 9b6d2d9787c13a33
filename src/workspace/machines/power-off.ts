import type { AgentClient } from "../../channel/agent-client.ts";
import type { Machine } from "../../drivers/driver.ts";
import { waitUntilGone } from "../../platform/processes.ts";

/** Stopping a workload takes up to two seconds, unmounting a busy disk a few more. */
const graceMs = 10_000;

/** What the journal says of a machine that was stopped. */
export function stoppedText(isForced: boolean): string {
  return isForced ? "stopped; the guest did not end by itself and was killed" : "stopped";
}

/** Asks the guest to end itself, its disks clean; kills one that does not. Answers whether it had to. */
export async function powerOff(
  machine: Machine,
  client: AgentClient | undefined,
): Promise<boolean> {
  const asked = client?.powerOff().catch(() => undefined);
  if (asked !== undefined && (await waitUntilGone(machine.identity, graceMs))) return false;
  await machine.kill();
  return true;
}
