import {
  letsOut,
  type NetworkConnection,
  visibleText,
  type WorkspaceNetwork,
} from "../../index.ts";
import type { IO } from "../io.ts";
import { targetText } from "../network-arguments.ts";
import { printLine, printNote } from "../printer.ts";
import { relativeTime } from "../time.ts";
import { type Column, emptyCell, tableLines } from "./table.ts";

const presetTexts = {
  open: "the public internet",
  registries: "registries of packages and source code",
  none: "nothing",
} as const;

/** What a workspace may reach, rule by rule. */
export function printNetwork(io: IO, network: WorkspaceNetwork): void {
  const { networkPolicy, preset, rules, temporaryRules, ownRegistries } = network;
  if (!letsOut(networkPolicy)) {
    printLine(io, `Network policy ${networkPolicy}: its commands reach nothing.`);
    return;
  }
  for (const rule of rules) printLine(io, visibleText(rule, 300));
  for (const { rule, until } of temporaryRules)
    printLine(io, `${visibleText(rule, 300)} (ends ${relativeTime(until, Date.now())})`);
  const hasRules = rules.length + temporaryRules.length > 0;
  const rest = hasRules ? "Beside that" : "Reachable";
  printLine(io, `${rest}: ${presetTexts[preset]} (preset ${preset}).`);
  if (ownRegistries.length > 0)
    printLine(io, `Registries of this machine: ${visibleText(ownRegistries.join(", "), 2_000)}`);
  printProjectFile(io, network.projectFile);
  if (network.proxies.length > 0)
    printLine(
      io,
      `By way of this machine's proxies: ${visibleText(network.proxies.join(", "), 1_000)}`,
    );
  for (const warning of network.warnings) printNote(io, `warning: ${visibleText(warning, 700)}`);
}

function printProjectFile(io: IO, file: WorkspaceNetwork["projectFile"]): void {
  if (file === null) return;
  const { only, deny } = file;
  const list = (targets: readonly string[]) => visibleText(targets.join(", ") || "nothing", 2_000);
  if (only !== null)
    printLine(io, `Of all that, the project's .pyro.toml lets through: ${list(only)}`);
  if (deny.length > 0) printLine(io, `The project's .pyro.toml denies: ${list(deny)}`);
}

export function printConnections(io: IO, connections: readonly NetworkConnection[]): void {
  const nowMs = Date.now();
  const columns: readonly Column<NetworkConnection>[] = [
    { title: "WHEN", rank: 2, cell: ({ at }) => relativeTime(at, nowMs) },
    { title: "BY", rank: 3, cell: ({ source }) => visibleText(source ?? emptyCell, 40) },
    { title: "PROGRAM", rank: 1, cell: ({ program }) => visibleText(program || emptyCell, 32) },
    { title: "TO", rank: 0, cell: targetText },
    { title: "ADDRESS", rank: 5, cell: ({ address }) => visibleText(address ?? emptyCell) },
    {
      title: "VERDICT",
      rank: 0,
      cell: ({ verdict, count }) => ({
        text: count === 1 ? verdict : `${verdict} ×${count}`,
        color: verdict === "deny" ? "red" : "green",
      }),
    },
    { title: "RULE", rank: 1, cell: ({ rule }) => visibleText(rule, 60) },
    { title: "SENT", rank: 4, cell: ({ verdict, sentBytes }) => bytesText(verdict, sentBytes) },
    {
      title: "RECEIVED",
      rank: 4,
      cell: ({ verdict, receivedBytes, failure }) =>
        failure === null ? bytesText(verdict, receivedBytes) : visibleText(failure, 60),
    },
  ];
  for (const line of tableLines(io, columns, connections)) printLine(io, line);
}

/** One connection on a line of its own. */
export function connectionLine(connection: NetworkConnection): string {
  const { at, verdict, source, program, rule } = connection;
  const who = [program, source ?? ""].filter((text) => text !== "").join(" in ");
  const by = who === "" ? "" : ` by ${visibleText(who, 80)}`;
  return `${at} ${verdict} ${targetText(connection)}${by} (${visibleText(rule, 60)})`;
}

function bytesText(verdict: NetworkConnection["verdict"], bytes: number): string {
  return verdict === "deny" ? emptyCell : String(bytes);
}
