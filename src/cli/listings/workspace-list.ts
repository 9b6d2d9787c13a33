import { visibleText, type WorkspaceList } from "../../index.ts";
import type { IO } from "../io.ts";
import { relativeTime } from "../time.ts";
import { type Column, emptyCell, tableLines } from "./table.ts";
import { fitWidthEnd } from "./text-width.ts";
import { handleOf, labelsText, stateColors } from "./workspace-block.ts";

type Listed = WorkspaceList["workspaces"][number];

/** Longer environments are image references; their end says more than the registry they come from. */
const environmentWidthMax = 22;

/** One line a workspace under a line of titles, in the order of the list. */
export function workspaceListLines(
  io: IO,
  workspaces: readonly Listed[],
  nowMs: number,
): readonly string[] {
  return tableLines(io, columns(io, nowMs), workspaces);
}

// A workspace with a name needs its id least; how it stands is needed most.
function columns(io: IO, nowMs: number): readonly Column<Listed>[] {
  return [
    { title: "WORKSPACE", rank: 0, cell: handleOf },
    {
      title: "STATE",
      rank: 0,
      cell: ({ state }) => ({ text: state, color: stateColors[state] }),
    },
    {
      title: "ENVIRONMENT",
      rank: 3,
      cell: ({ environment }) =>
        io.stdoutIsTerminal
          ? fitWidthEnd(visibleText(environment.replace(/@sha256:.*$/, "")), environmentWidthMax)
          : visibleText(environment),
    },
    {
      title: "ACTIVE",
      rank: 1,
      cell: ({ lastActivityAt }) => relativeTime(lastActivityAt, nowMs),
    },
    {
      title: "EXPIRES",
      rank: 2,
      cell: ({ expiresAt }) => (expiresAt === null ? emptyCell : relativeTime(expiresAt, nowMs)),
    },
    { title: "COMMANDS", rank: 5, cell: ({ commandCount }) => String(commandCount) },
    {
      title: "SERVICES",
      rank: 6,
      cell: ({ serviceCount, runningServiceCount }) =>
        serviceCount === 0 ? emptyCell : `${runningServiceCount}/${serviceCount}`,
    },
    {
      title: "PORTS",
      rank: 5,
      cell: ({ publishedPorts }) =>
        publishedPorts.map(({ hostPort }) => hostPort).join(",") || emptyCell,
    },
    {
      title: "SHELLS",
      rank: 6,
      cell: ({ shellCount }) => (shellCount === 0 ? emptyCell : String(shellCount ?? "?")),
    },
    { title: "LABELS", rank: 4, cell: ({ labels }) => labelsText(labels) ?? emptyCell },
    {
      title: "ID",
      rank: 7,
      // On a terminal the first column says it already.
      cell: ({ name, workspaceId }) =>
        name === null && io.stdoutIsTerminal ? emptyCell : visibleText(workspaceId),
    },
  ];
}
