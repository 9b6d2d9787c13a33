import type { Machine } from "../../drivers/driver.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { type Attached, attachAgent, endedByItself } from "../machines/attach-agent.ts";
import { powerOff, stoppedText } from "../machines/power-off.ts";
import { now } from "../records/workspace-records.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { adoptMachine } from "./workspace-machine.ts";

const attachDeadlineMs = 10_000;

/**
 * Stops a workspace that no supervisor looks after, as one would, whether or not its machine was asked to end before; whoever
 * calls holds the workspace's lock.
 */
export async function stopMachine(context: WorkspaceContext, row: WorkspaceRow): Promise<void> {
  const { workspaceId } = row;
  const { workspaces, journal } = context.records;
  let isForced = false;
  if (row.process !== null) isForced = await end(adoptMachine(context, row));
  journal.interruptRunning(workspaceId, { at: now(), reason: "the workspace was stopped" });
  const change = { process: null };
  workspaces.transition(workspaceId, { from: ["started", "stopping"], to: "stopped", change });
  journal.record({ workspaceId, at: now(), kind: "stopped", text: stoppedText(isForced) });
}

/** Answers whether it had to kill the machine. */
async function end(machine: Machine): Promise<boolean> {
  let attached: Attached;
  try {
    attached = await attachAgent(machine, attachDeadlineMs);
  } catch (error) {
    // One whose agent does not answer was killed by that.
    return !endedByItself(error);
  }
  const isForced = await powerOff(machine, attached.client);
  attached.client.close();
  return isForced;
}
