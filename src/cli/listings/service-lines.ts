import { type PublishedPort, type Service, visibleText } from "../../index.ts";
import type { IO } from "../io.ts";
import { type Color, paint, printLine, printNote } from "../printer.ts";
import { formatDuration, relativeTime } from "../time.ts";
import { commandText } from "./command-line-text.ts";
import { type Column, emptyCell, tableLines } from "./table.ts";

export const serviceColors: Readonly<Record<Service["state"], Color>> = {
  starting: "yellow",
  running: "green",
  restarting: "yellow",
  stopping: "yellow",
  stopped: "dim",
  exited: "dim",
  failed: "red",
};

/** The services as a table. */
export function printServices(io: IO, services: readonly Service[], nowMs: number): void {
  const columns: readonly Column<Service>[] = [
    { title: "SERVICE", rank: 0, cell: ({ name }) => visibleText(name) },
    {
      title: "STATE",
      rank: 0,
      cell: ({ state }) => ({ text: state, color: serviceColors[state] }),
    },
    { title: "SINCE", rank: 2, cell: (service) => sinceText(service, nowMs) },
    { title: "PORTS", rank: 1, cell: ({ publishedPorts }) => portsText(publishedPorts) },
    { title: "EXIT", rank: 3, cell: endText },
    { title: "RESTARTS", rank: 5, cell: ({ restartCount }) => numberOrEmpty(restartCount) },
    { title: "COMMAND", rank: 4, cell: ({ command }) => commandText(command, 60) },
  ];
  for (const line of tableLines(io, columns, services)) printLine(io, line);
}

function sinceText({ startedAt, endedAt }: Service, nowMs: number): string {
  const at = endedAt ?? startedAt;
  return at === null ? emptyCell : relativeTime(at, nowMs);
}

function portsText(ports: readonly PublishedPort[]): string {
  if (ports.length === 0) return emptyCell;
  return ports.map(({ hostPort, guestPort }) => `${hostPort}→${guestPort}`).join(", ");
}

function endText({ exitCode, signal }: Service): string {
  if (signal !== null) return visibleText(`SIG${signal}`);
  return exitCode === null ? emptyCell : String(exitCode);
}

function numberOrEmpty(count: number): string {
  return count === 0 ? emptyCell : String(count);
}

/** One service, every fact of it on a line of its own. */
export function printService(io: IO, service: Service, nowMs: number): void {
  const { name, state, reason, command, cwd, readiness, restart, restartCount } = service;
  const why = reason === null ? "" : ` (${visibleText(reason, 500)})`;
  const facts: readonly (readonly [string, string])[] = [
    ["service", visibleText(name)],
    ["state", `${paint(io, serviceColors[state], state)}${why}`],
    ["command", commandText(command, 200)],
    ["in", visibleText(cwd, 500)],
    ["ready when", readinessText(readiness)],
    ["last probe", visibleText(readiness.lastProbe ?? "", 500)],
    ["started", service.startedAt === null ? "" : relativeTime(service.startedAt, nowMs)],
    ["ended", service.endedAt === null ? "" : relativeTime(service.endedAt, nowMs)],
    ["exit", endText(service) === emptyCell ? "" : endText(service)],
    ["restart", restart === "no" ? "" : `${restart}, ${restartCount} so far`],
  ];
  for (const [title, text] of facts)
    if (text !== "") printLine(io, `${paint(io, "dim", title.padEnd(10))}  ${text}`);
  for (const port of service.publishedPorts)
    printLine(io, `${paint(io, "dim", "port".padEnd(10))}  ${portText(port)}`);
}

function readinessText({ kind, target }: Service["readiness"]): string {
  return kind === "none" ? "it runs" : `${kind} ${visibleText(target ?? "", 200)}`;
}

/** Where a port leads from, and to. */
export function portText({ url, guestPort }: PublishedPort): string {
  return `${visibleText(url)} → port ${guestPort} of the guest`;
}

/** What a service has become, with where it is reached. */
export function printServiceOutcome(io: IO, service: Service): void {
  const { name, state, reason, startedAt, readyAt, readiness } = service;
  const why = reason === null ? "" : `: ${visibleText(reason, 500)}`;
  const took =
    state === "running" && readiness.kind !== "none" && startedAt !== null && readyAt !== null
      ? `, ready after ${formatDuration(Date.parse(readyAt) - Date.parse(startedAt))}`
      : "";
  printLine(io, `Service ${visibleText(name)} is ${state}${took}${why}.`);
  for (const port of service.publishedPorts) printLine(io, portText(port));
  if (service.publishedPorts.length > 0)
    printNote(
      io,
      "Published on 127.0.0.1: programs of this machine reach it, no other machine does.",
    );
}
