import {
  type DeniedSummary,
  isOfProject,
  projectWayOut,
  visibleText,
  type WorkspaceSummary,
} from "../../index.ts";
import type { IO } from "../io.ts";
import { targetText, wayOutCommand } from "../network-arguments.ts";
import { type Color, paint, printLine } from "../printer.ts";
import { relativeTime } from "../time.ts";
import { changeLines } from "./changes.ts";
import { commandText } from "./command-line-text.ts";
import { commandEnd, outcomeText } from "./logged-command.ts";
import { runsWhenOpenedLines, runsWhenOpenedTitle } from "./runs-when-opened.ts";
import { fitWidth, padWidth, textWidth } from "./text-width.ts";
import { handleOf, stateColors } from "./workspace-block.ts";

// Together with the head and the next steps these fit a screen of 24 lines.
const filesMax = 4;
const warningsMax = 2;
const failedMax = 2;
const succeededMax = 1;
const eventsMax = 2;

const titleWidth = 11;
/** Where nobody sees the edge of the screen, lines are as long as people still read. */
const pipeWidth = 100;

/** What happened in a workspace since its last reset: one screen, the worst first. */
export function printWorkspaceSummary(io: IO, summary: WorkspaceSummary, nowMs: number): void {
  const width = io.stdoutIsTerminal ? io.width : pipeWidth;
  const page: Page = { io, summary, nowMs, width: width - titleWidth };
  printLine(io, headLine(page));
  printSection(io, "files", filesSection(page));
  printSection(io, "warning", warningSection(page), "yellow");
  printSection(io, "commands", commandsSection(page));
  printSection(io, "events", eventsSection(page));
  printSection(io, "snapshots", snapshotsSection(page));
  printSection(io, "services", servicesSection(page), failedService(summary) ? "red" : "dim");
  printSection(io, "ports", portsSection(page));
  printSection(io, "shells", shellsSection(page));
  printSection(io, "denied", deniedSection(page), "yellow");
  printSection(io, "next", nextSection(page));
}

interface Page {
  readonly io: IO;
  readonly summary: WorkspaceSummary;
  readonly nowMs: number;
  /** Columns beside the titles. */
  readonly width: number;
}

function printSection(io: IO, title: string, lines: readonly string[], color: Color = "dim"): void {
  for (const [at, line] of lines.entries()) {
    const head = at === 0 ? paint(io, color, title) + " ".repeat(titleWidth - title.length) : "";
    printLine(io, at === 0 ? head + line : " ".repeat(titleWidth) + line);
  }
}

function headLine({ io, summary, nowMs }: Page): string {
  const { name, workspaceId, environment, state, since } = summary;
  return [
    paint(io, "bold", handleOf(summary)),
    ...(name === null ? [] : [visibleText(workspaceId)]),
    visibleText(environment, 30),
    paint(io, stateColors[state], state),
    `began ${relativeTime(since, nowMs)}`,
  ].join(" · ");
}

function filesSection(page: Page): readonly string[] {
  const { io, summary, width } = page;
  const { diff } = summary;
  if (diff === null) return unknownFiles(page);
  if (diff.fileCount === 0) return ["no changes"];
  const plus = paint(io, "green", `+${diff.insertions}`);
  const minus = paint(io, "red", `-${diff.deletions}`);
  const shown = diff.changes.slice(0, filesMax - deniedSection(page).length);
  return [
    `${diff.fileCount} changed, ${plus} ${minus}`,
    ...changeLines(io, shown, width),
    ...(shown.length < diff.fileCount
      ? [
          `and ${diff.fileCount - shown.length} more: pyro workspace diff ${handleOf(summary)} --stat`,
        ]
      : []),
  ];
}

/** Why they are unknown, a sentence a line, and where some of it can be seen all the same. */
function unknownFiles({ summary, width }: Page): readonly string[] {
  const { diffUnavailable, state } = summary;
  const why = visibleText(diffUnavailable ?? "no diff", 500).split(/(?<=\.) /);
  const some = state === "started" ? [`pyro workspace diff ${handleOf(summary)} PATH…`] : [];
  return [`unknown: ${why[0]}`, ...why.slice(1), ...some].map((line) => fitWidth(line, width));
}

function warningSection({ summary, width }: Page): readonly string[] {
  const { runsWhenOpened } = summary;
  if (runsWhenOpened.length === 0) return [];
  const shown = runsWhenOpenedLines(runsWhenOpened).slice(0, warningsMax);
  return [runsWhenOpenedTitle(runsWhenOpened), ...shown.map((line) => fitWidth(line, width))];
}

function commandsSection(page: Page): readonly string[] {
  const { summary } = page;
  const { commands, failedCommandCount } = summary;
  if (commands.length === 0) return ["none"];
  const failed = commands.filter((command) => commandEnd(command).color === "red");
  const others = commands.filter((command) => !failed.includes(command));
  const shown = [...failed.slice(-failedMax), ...others.slice(-succeededMax)];
  const isAll = shown.length === commands.length;
  const how = isAll ? "" : `; all: pyro workspace logs ${handleOf(summary)}`;
  return [
    `${commands.length} run, ${failedCommandCount === 0 ? "none" : failedCommandCount} failed${how}`,
    ...commandLines(page, shown),
  ];
}

function commandLines(
  { io, width }: Page,
  commands: WorkspaceSummary["commands"],
): readonly string[] {
  const plain: IO = { ...io, color: false };
  const rows = commands.map((command) => ({
    start: `#${command.sequence} ${commandText(command.command, 500)}`,
    outcome: outcomeText(io, command),
    outcomeWidth: textWidth(outcomeText(plain, command)),
  }));
  const room = Math.max(10, width - 2 - Math.max(0, ...rows.map((row) => row.outcomeWidth)));
  const starts = rows.map(({ start }) => fitWidth(start, room));
  const startWidth = Math.max(0, ...starts.map(textWidth));
  return rows.map(({ outcome }, at) => `${padWidth(starts[at] ?? "", startWidth)}  ${outcome}`);
}

function eventsSection({ summary, nowMs, width }: Page): readonly string[] {
  const { events } = summary;
  const earlier =
    events.length > eventsMax ? ` (${events.length - eventsMax} earlier: --json)` : "";
  return events.slice(-eventsMax).map(({ at, text }, line) => {
    const room = width - (line === 0 ? earlier.length : 0);
    const shown = `${relativeTime(at, nowMs).padEnd(10)}  ${visibleText(text, 500)}`;
    return fitWidth(shown, room) + (line === 0 ? earlier : "");
  });
}

function snapshotsSection({ summary, width }: Page): readonly string[] {
  if (summary.snapshots.length === 0) return [];
  return [fitWidth(summary.snapshots.map(({ name }) => visibleText(name)).join(", "), width)];
}

function servicesSection({ summary, width }: Page): readonly string[] {
  const named = summary.services.map(({ name, state, exitCode }) => {
    const code = state === "failed" && exitCode !== null ? ` with ${exitCode}` : "";
    const at = portsText(summary, name);
    return `${visibleText(name)} (${visibleText(state)}${code})${at === "" ? "" : ` at ${at}`}`;
  });
  return named.length === 0 ? [] : [fitWidth(named.join(", "), width)];
}

/** The name of a service that failed. */
function failedService({ services }: WorkspaceSummary): string | undefined {
  return services.find(({ state }) => state === "failed")?.name;
}

function shellsSection({ summary, nowMs, width }: Page): readonly string[] {
  const { shells } = summary;
  if (shells === null) return ["unknown: its supervisor did not answer at once"];
  const named = shells.map(({ shellId, state, exitCode, idleMs, attachedCount }) => {
    const wrote = `wrote ${relativeTime(new Date(nowMs - idleMs).toISOString(), nowMs)}`;
    const watched = attachedCount === 0 ? "" : `, ${attachedCount} attached`;
    const how = state === "running" ? wrote + watched : `ended with ${exitCode}`;
    return `${visibleText(shellId)} (${how})`;
  });
  return named.length === 0 ? [] : [fitWidth(named.join(", "), width)];
}

/** What was not allowed to be reached: what a person may want to allow, or else the last, and how. */
function deniedSection({ summary, width }: Page): readonly string[] {
  const { deniedConnections } = summary;
  const last = deniedConnections.findLast(({ stillDenied }) => stillDenied);
  const shown = last ?? deniedConnections.at(-1);
  if (shown === undefined) return [];
  const handle = handleOf(summary);
  const others = deniedConnections.length - 1;
  const more = others === 0 ? "" : `; ${others} more`;
  const text = fitWidth(deniedText(shown), width - more.length) + more;
  return [text, ...(last ? [fitWidth(wayOutText(handle, last), width)] : [])];
}

function wayOutText(handle: string, denied: DeniedSummary): string {
  if (isOfProject(denied.rule)) return projectWayOut;
  const rule = visibleText(denied.rule, 300);
  const isRule = rule.startsWith("deny ");
  return wayOutCommand(handle, isRule ? { rule } : { target: targetText(denied) });
}

function deniedText(denied: DeniedSummary): string {
  const { rule, count, sources, programs, stillDenied } = denied;
  const who = [programs[0], sources.at(-1)].filter((text) => text !== undefined).join(" in ");
  const by = who === "" ? "" : ` by ${visibleText(who, 60)}`;
  const times = count === 1 ? "" : `, ${count} times`;
  const since = stillDenied ? "" : "; allowed since";
  return `${targetText(denied)} (${visibleText(rule, 60)})${by}${times}${since}`;
}

/** Those that belong to no service, which tells of its own. */
function portsSection({ summary, width }: Page): readonly string[] {
  const text = portsText(summary, null);
  return text === "" ? [] : [fitWidth(text, width)];
}

function portsText({ ports }: WorkspaceSummary, owner: string | null): string {
  return ports
    .filter(({ service }) => service === owner)
    .map(({ url, guestPort }) => `${visibleText(url)} → ${guestPort}`)
    .join(", ");
}

function nextSection({ summary }: Page): readonly string[] {
  const handle = handleOf(summary);
  if (summary.state === "stopped") return [`pyro workspace start ${handle}`];
  const failed = summary.commands.findLast((command) => commandEnd(command).color === "red");
  const service = failedService(summary);
  const review =
    failed !== undefined
      ? [`logs ${handle} --sequence ${failed.sequence}`]
      : service !== undefined
        ? [`service logs ${handle} ${visibleText(service)}`]
        : [];
  const take =
    summary.diff === null || summary.diff.fileCount === 0
      ? []
      : [`diff ${handle}`, `export ${handle} --patch ${handle}.patch`];
  const steps = [...review, ...take];
  if (steps.length === 0) steps.push(`exec ${handle} -- COMMAND…`);
  return steps.map((step) => `pyro workspace ${step}`);
}
