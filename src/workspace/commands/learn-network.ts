import type { EgressPolicy, Learning } from "../../model/egress.ts";
import { PyroError } from "../../model/errors.ts";
import { timeoutMs } from "../../model/machine-options.ts";
import type { LearnedNetwork, WorkspaceExecResult } from "../../model/workspace-results.ts";
import { narrowestPolicy } from "../../network/narrowest.ts";
import { isGoingOn } from "../../network/policy.ts";
import { identifySelf } from "../../platform/processes.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { findWorkspace, latest } from "../life/find-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { ExecWorkspaceOptions } from "../life/workspace-options.ts";
import { requireEgress, tellSupervisor } from "../network/live-rules.ts";
import { execWorkspace } from "./exec-workspace.ts";

export interface LearnNetworkOptions extends Omit<ExecWorkspaceOptions, "outlivesCaller"> {
  /** Makes what was learned the workspace's policy, where the command succeeded. Default false. */
  readonly apply?: boolean | undefined;
}

/** Beyond the command's own time: a machine is slow at times. */
const graceMs = 60_000;

/**
 * Runs a command while everything public is reachable, and answers the narrowest policy that would have let it pass. The policy that
 * was is back when it is over, whatever ends it.
 */
export async function learnNetwork(
  context: WorkspaceContext,
  id: string,
  { apply = false, ...options }: LearnNetworkOptions,
): Promise<LearnedNetwork> {
  const row = await findWorkspace(context, id);
  requireEgress(row);
  const endsAtMs = Date.now() + timeoutMs(options.timeoutSeconds) + graceMs;
  const learning: Learning = { by: identifySelf(), endsAtMs };
  const { workspaces, connections } = context.records;
  workspaces.changeEgress(row.workspaceId, (current) => begun(row, current, learning));
  const before = connections.newest(row.workspaceId);
  let ran: WorkspaceExecResult;
  try {
    ran = await execWorkspace(context, row.workspaceId, options);
  } finally {
    workspaces.changeEgress(row.workspaceId, (current) => ended(current, learning));
    await tellSupervisor(context, row);
  }
  const source = `command:${ran.sequence}`;
  const made = connections
    .list(row.workspaceId, { after: before, verdict: "allow" })
    // What the guest could not attribute may be the command's.
    .filter((one) => one.source === source || one.source === null)
    .filter(({ failure }) => failure === null);
  const { preset, rules } = narrowestPolicy(made, latest(context, row).egress);
  const isApplied = apply && ran.exitCode === 0;
  if (isApplied) {
    workspaces.changeEgress(row.workspaceId, ({ project }) =>
      narrowestPolicy(made, { rules, project }),
    );
    await tellSupervisor(context, row);
  }
  return { ...ran, preset, rules: [...rules], isApplied };
}

function begun(row: WorkspaceRow, current: EgressPolicy, learning: Learning): EgressPolicy {
  if (isGoingOn(current.learning))
    throw new PyroError(
      "workspace_busy",
      `Somebody learns what another command of workspace ${row.name ?? row.workspaceId} reaches.`,
      { hint: "Try again when that is over." },
    );
  return { ...current, learning };
}

function ended(current: EgressPolicy, { by, endsAtMs }: Learning): EgressPolicy {
  const { learning, ...own } = current;
  const isOurs = learning?.by.pid === by.pid && learning.endsAtMs === endsAtMs;
  return isOurs ? own : current;
}
