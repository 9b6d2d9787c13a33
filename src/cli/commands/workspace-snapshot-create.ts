import type { Command } from "commander";
import { type SnapshotCreated, visibleText } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import type { IO } from "../io.ts";
import { formatBytes, printLine, printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

export function addWorkspaceSnapshotCreate(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("create")
    .summary("keep /workspace as it is now")
    .description(
      "Keeps /workspace bit for bit, to go back to with `pyro workspace reset`. The workspace goes on.",
    )
    .argument("<id>", idMeaning)
    .argument("<name>", "what to call the snapshot")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace snapshot create demo before-fix\n  pyro workspace snapshot create demo before-fix --json",
    )
    .action(async (id: string, name: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const created = await pyro.createSnapshot(id, name);
      if (json) return printResult(io, "snapshotCreated", created);
      printSnapshotCreated(io, created, id);
    });
}

/** What was kept; on stderr how to come back to it. `id` is what the caller calls the workspace. */
export function printSnapshotCreated(io: IO, { snapshot }: SnapshotCreated, id: string): void {
  const name = visibleText(snapshot.name);
  printLine(io, `Created snapshot ${name}: ${formatBytes(snapshot.storedBytes)}.`);
  printNote(io, `Back to it: pyro workspace reset ${visibleText(id)} --snapshot ${name}`);
}
