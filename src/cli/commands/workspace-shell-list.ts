import type { Command } from "commander";
import { type ShellList, visibleText } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import type { IO } from "../io.ts";
import { type Column, emptyCell, tableLines } from "../listings/table.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { relativeTime } from "../time.ts";
import { idMeaning } from "../workspace-arguments.ts";

type Listed = ShellList["shells"][number];

export function addWorkspaceShellList(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("list")
    .summary("the shells of a workspace")
    .description("Lists the shells that run, and those that ended and were not closed.")
    .argument("<id>", idMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace shell list demo\n  pyro workspace shell list demo --json | jq -r '.shells[].shell_id'",
    )
    .action(async (id: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const list = await pyro.listShells(id);
      if (json) return printResult(io, "shellList", list);
      if (list.shells.length === 0) return printNote(io, "There is no shell.");
      printShells(io, list, Date.now());
    });
}

/** The shells as a table. */
export function printShells(io: IO, { shells }: ShellList, nowMs: number): void {
  const columns: readonly Column<Listed>[] = [
    { title: "SHELL", rank: 0, cell: ({ shellId }) => visibleText(shellId) },
    { title: "STATE", rank: 0, cell: stateOf },
    { title: "OPENED", rank: 2, cell: ({ openedAt }) => relativeTime(openedAt, nowMs) },
    {
      title: "WROTE",
      rank: 1,
      cell: ({ idleMs }) => relativeTime(new Date(nowMs - idleMs).toISOString(), nowMs),
    },
    { title: "SIZE", rank: 3, cell: ({ cols, rows }) => `${cols}x${rows}` },
    {
      title: "ATTACHED",
      rank: 4,
      cell: ({ attachedCount }) => (attachedCount === 0 ? emptyCell : String(attachedCount)),
    },
  ];
  for (const line of tableLines(io, columns, shells)) printLine(io, line);
}

function stateOf({ state, exitCode, signal }: Listed): string {
  if (state === "running") return state;
  return signal === null ? `ended with ${exitCode}` : `ended by ${visibleText(signal)}`;
}
