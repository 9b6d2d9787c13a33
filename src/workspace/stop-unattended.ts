import type { WorkspaceRow } from "../registry/workspaces.ts";
import { attachAgent } from "./attach-agent.ts";
import { latest } from "./find-workspace.ts";
import { powerOff } from "./power-off.ts";
import { takeOver } from "./take-over.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import { now } from "./workspace-records.ts";

const attachDeadlineMs = 10_000;

/** Stops a workspace that no supervisor looks after, as one would. */
export async function stopUnattended(context: WorkspaceContext, row: WorkspaceRow): Promise<void> {
  using _lock = await takeOver(context, row);
  const { state, process } = latest(context, row);
  // Somebody else was faster.
  if (state !== "started" || process === null) return;
  const { workspaceId } = row;
  const { workspaces, journal } = context.records;
  const { socketsDirectory } = context.files(workspaceId);
  const driver =
    row.imageId === null ? context.host.compatDriver : (await context.host.machineFactory()).driver;
  const machine = driver.adopt(process, socketsDirectory);
  // One whose agent does not answer is killed by that.
  const attached = await attachAgent(machine, attachDeadlineMs).catch(() => undefined);
  const isForced = await powerOff(machine, attached?.client);
  attached?.client.close();
  const text = isForced ? "stopped; the guest did not end by itself and was killed" : "stopped";
  journal.interruptRunning(workspaceId, { at: now(), reason: "the workspace was stopped" });
  workspaces.transition(workspaceId, {
    from: ["started"],
    to: "stopped",
    change: { process: null },
  });
  journal.record({ workspaceId, at: now(), kind: "stopped", text });
}
