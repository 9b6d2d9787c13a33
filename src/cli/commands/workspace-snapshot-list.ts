import type { Command } from "commander";
import { type Snapshot, type SnapshotList, visibleText } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import type { IO } from "../io.ts";
import { type Column, tableLines } from "../listings/table.ts";
import { formatBytes, printLine, printResult } from "../printer.ts";
import { relativeTime } from "../time.ts";
import { idMeaning } from "../workspace-arguments.ts";

export function addWorkspaceSnapshotList(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("list")
    .summary("the snapshots of a workspace, the baseline first")
    .description(
      "Lists what `pyro workspace reset` can go back to. The baseline is the state at creation.",
    )
    .argument("<id>", idMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace snapshot list demo\n  pyro workspace snapshot list demo --json | jq -r '.snapshots[].name'",
    )
    .action(async (id: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const list = await pyro.listSnapshots(id);
      if (json) return printResult(io, "snapshotList", list);
      printSnapshots(io, list, Date.now());
    });
}

/** The snapshots as a table. */
export function printSnapshots(io: IO, { snapshots }: SnapshotList, nowMs: number): void {
  const columns: readonly Column<Snapshot>[] = [
    { title: "SNAPSHOT", rank: 0, cell: ({ name }) => visibleText(name) },
    { title: "CREATED", rank: 1, cell: ({ createdAt }) => relativeTime(createdAt, nowMs) },
    { title: "STORED", rank: 2, cell: ({ storedBytes }) => formatBytes(storedBytes) },
  ];
  for (const line of tableLines(io, columns, snapshots)) printLine(io, line);
}
