import {
  defaults,
  visibleText,
  type Workspace,
  type WorkspaceSeed,
  type WorkspaceState,
} from "../../index.ts";
import type { IO } from "../io.ts";
import { type Color, formatBytes, paint, printLine, printNote, printResult } from "../printer.ts";
import { relativeTime } from "../time.ts";
import type { WorkspaceOutputOption } from "../workspace-arguments.ts";
import { printWarnings } from "./left-out.ts";
import { counted } from "./named-lines.ts";
import { portText } from "./service-lines.ts";

export const stateColors = {
  creating: "yellow",
  started: "green",
  stopping: "yellow",
  stopped: "dim",
  resetting: "yellow",
  failed: "red",
  deleting: "yellow",
} as const satisfies Record<WorkspaceState, Color>;

/** What people call it: its name, else its id. */
export function handleOf(workspace: Pick<Workspace, "name" | "workspaceId">): string {
  return visibleText(workspace.name ?? workspace.workspaceId);
}

/** `a=1 b=2`, safe; undefined without labels. */
export function labelsText(labels: Workspace["labels"]): string | undefined {
  const pairs = Object.entries(labels).map(
    ([key, value]) => `${visibleText(key)}=${visibleText(value)}`,
  );
  return pairs.length === 0 ? undefined : pairs.join(" ");
}

/** Answers with one workspace in the way that was asked for. */
export async function answerWorkspace(
  io: IO,
  workspace: Workspace,
  { json, idOnly, detail }: WorkspaceOutputOption & { readonly detail: BlockDetail },
): Promise<void> {
  if (json) return printResult(io, "workspace", workspace);
  if (idOnly) return printLine(io, visibleText(workspace.workspaceId));
  printWorkspace(io, workspace, { detail, nowMs: Date.now() });
}

/** `brief` after something was done, `full` when it was asked about. */
export type BlockDetail = "brief" | "full";

/** A workspace as a block of readable lines, and on stderr what one does next. */
export function printWorkspace(
  io: IO,
  workspace: Workspace,
  { detail, nowMs }: { readonly detail: BlockDetail; readonly nowMs: number },
): void {
  const { state } = workspace;
  printLine(
    io,
    `${paint(io, "bold", handleOf(workspace))}  ${paint(io, stateColors[state], state)}`,
  );
  const rows = [
    ...briefRows(workspace, nowMs),
    ...(detail === "full" ? historyRows(workspace, nowMs) : []),
  ];
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== undefined);
  const width = Math.max(...shown.map(([title]) => title.length));
  for (const [title, text] of shown) printLine(io, `  ${title.padEnd(width)}  ${text}`);
  if (workspace.isolation === "none")
    printNote(io, "warning: No isolation: commands of this workspace run on this host.");
  // After a creation they are told with all that did not come along.
  if (detail === "full") printWarnings(io, workspace.workspaceSeed);
  for (const step of nextSteps(workspace)) printNote(io, `Next: ${step}`);
}

type Row = readonly [title: string, text: string | undefined];

function briefRows(workspace: Workspace, nowMs: number): readonly Row[] {
  const { expiresAt, driver, isolation, failure, cpu } = workspace;
  const level = isolation === "emulated" && cpu !== defaults.cpu ? ` x86-64-${cpu}` : "";
  return [
    ["failure", failure === null ? undefined : visibleText(failure, 1000)],
    ["id", visibleText(workspace.workspaceId)],
    ["environment", visibleText(workspace.environment)],
    [
      "machine",
      `${workspace.vcpuCount} vCPU${level}, ${workspace.memMib} MiB, ${visibleText(driver)}, isolation: ${isolation}`,
    ],
    ["network", networkText(workspace)],
    ["content", seedText(workspace.workspaceSeed)],
    ["labels", labelsText(workspace.labels)],
    ["expires", expiresAt === null ? "never" : relativeTime(expiresAt, nowMs)],
  ];
}

function historyRows(workspace: Workspace, nowMs: number): readonly Row[] {
  const { commandCount, serviceCount, snapshotCount, resetCount, lastResetAt, secrets } = workspace;
  const { publishedPorts, shellCount } = workspace;
  const ago = (at: string) => relativeTime(at, nowMs);
  return [
    ["created", ago(workspace.createdAt)],
    ["last active", ago(workspace.lastActivityAt)],
    ["commands", String(commandCount)],
    [
      "services",
      serviceCount === 0 ? undefined : `${serviceCount}, ${workspace.runningServiceCount} running`,
    ],
    ["ports", publishedPorts.length === 0 ? undefined : publishedPorts.map(portText).join(", ")],
    ["shells", shellCount === 0 ? undefined : String(shellCount ?? "unknown")],
    ["snapshots", snapshotCount === 0 ? undefined : String(snapshotCount)],
    [
      "resets",
      resetCount === 0
        ? undefined
        : `${resetCount}${lastResetAt === null ? "" : `, the last ${ago(lastResetAt)}`}`,
    ],
    [
      "secrets",
      secrets.length === 0 ? undefined : secrets.map(({ name }) => visibleText(name)).join(" "),
    ],
  ];
}

function networkText(workspace: Workspace): string {
  const { networkPolicy, networkPreset, networkRuleCount, networkProjectFile } = workspace;
  if (networkPreset === null) return networkPolicy;
  const rules = counted(networkRuleCount, "rule", "rules");
  const tightened =
    networkProjectFile === null ? "" : `; .pyro.toml: ${visibleText(networkProjectFile, 1_000)}`;
  return `${networkPolicy}: preset ${networkPreset}, ${rules}${tightened}`;
}

function seedText({ mode, seedPath, entryCount, bytes }: WorkspaceSeed): string {
  if (mode === "empty") return "empty";
  const size = `${counted(entryCount, "entry", "entries")}, ${formatBytes(bytes)}`;
  return `${size} from ${mode} ${visibleText(seedPath ?? "")}`;
}

function nextSteps(workspace: Workspace): readonly string[] {
  const handle = handleOf(workspace);
  const steps: Partial<Record<WorkspaceState, readonly string[]>> = {
    started: [`pyro workspace exec ${handle} -- COMMAND…`],
    stopped: [`pyro workspace start ${handle}`],
    failed: [`pyro workspace reset ${handle}`, `pyro workspace delete ${handle}`],
  };
  return steps[workspace.state] ?? [];
}
