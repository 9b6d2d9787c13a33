import type { AgentClient } from "../../channel/agent-client.ts";
import { letsOut } from "../../model/machine-options.ts";
import type { DeniedConnection, DeniedSummary } from "../../model/network-results.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";

/** Denied tries, those that are alike counted as one, in the order in which they were first made. */
export function sumDenied(tries: readonly DeniedConnection[]): DeniedConnection[] {
  return alike(tries).map(([sum]) => sum);
}

/** The same of everything a workspace tried, with what tried it. */
export async function summarizeDenied(
  { records }: WorkspaceContext,
  row: WorkspaceRow,
): Promise<DeniedSummary[]> {
  if (!letsOut(row.networkPolicy)) return [];
  const { deniedNow } = await import("./denied-now.ts");
  const isDenied = deniedNow(row.egress);
  return alike(records.connections.list(row.workspaceId, { verdict: "deny" })).map(
    ([sum, same]) => ({
      ...sum,
      sources: [...new Set(same.flatMap(({ source }) => source ?? []))],
      programs: [...new Set(same.map(({ program }) => program).filter((name) => name !== ""))],
      stillDenied: same.some(isDenied),
    }),
  );
}

/** What a command was not allowed to reach; its supervisor has written that down before it told of the end. */
export function deniedTo(
  { records }: WorkspaceContext,
  row: WorkspaceRow,
  source: string,
): DeniedConnection[] {
  if (!letsOut(row.networkPolicy)) return [];
  return sumDenied(records.connections.list(row.workspaceId, { source, verdict: "deny" }));
}

/**
 * What something that stays, `shell:ID` or `service:NAME`, was not allowed to reach up to now, and would not be if it tried again:
 * it is asked about many times, and what a person has allowed since is no news.
 */
export async function stillDeniedTo(
  { records }: WorkspaceContext,
  { row, client, source }: StillDenied,
): Promise<DeniedConnection[]> {
  if (!letsOut(row.networkPolicy)) return [];
  // It keeps to itself for a moment what was tried.
  if (client !== undefined) await client.supervisor.ask("/v1/network/flush", {});
  const rows = records.connections.list(row.workspaceId, { source, verdict: "deny" });
  if (rows.length === 0) return [];
  const { deniedNow } = await import("./denied-now.ts");
  return sumDenied(rows.filter(deniedNow(row.egress)));
}

export interface StillDenied {
  readonly row: WorkspaceRow;
  /** Absent where nothing runs. */
  readonly client: AgentClient | undefined;
  readonly source: string;
}

/** Tries that a person would take for the same, and their sum. */
function alike<Try extends DeniedConnection>(
  tries: readonly Try[],
): (readonly [sum: DeniedConnection, same: readonly Try[]])[] {
  const groups = new Map<string, { sum: DeniedConnection; same: Try[] }>();
  for (const tried of tries) {
    const { host, port, rule, count } = tried;
    const key = JSON.stringify([host, port, rule]);
    const { sum, same } = groups.get(key) ?? { sum: { host, port, rule, count: 0 }, same: [] };
    same.push(tried);
    groups.set(key, { sum: { ...sum, count: sum.count + count }, same });
  }
  return [...groups.values()].map(({ sum, same }) => [sum, same]);
}
