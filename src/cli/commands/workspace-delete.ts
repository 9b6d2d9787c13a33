import type { Command } from "commander";
import { asPyroError, type Pyro, visibleText, type WorkspaceDeleted } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { exitCodeOf } from "../exit-codes.ts";
import { printError, printLine, printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

export function addWorkspaceDelete(group: Command, context: CommandContext): void {
  group
    .command("delete")
    .summary("end workspaces and remove everything of them")
    .description(
      "Ends the machines and removes their disks, snapshots and history. One that is gone already is no failure.",
    )
    .argument("<id...>", idMeaning)
    .option("--json", "print one JSON object a workspace", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace delete demo\n  pyro workspace delete $(pyro workspace list --state stopped --id-only)",
    )
    .action((ids: string[], { json }: JsonOption) => deleteAll(context, ids, json));
}

/** Goes on after a failure, so that one stubborn workspace does not keep the others. */
async function deleteAll(
  context: CommandContext,
  ids: readonly string[],
  json: boolean,
): Promise<void> {
  const { io, openPyro } = context;
  using pyro = openPyro();
  for (const id of new Set(ids)) {
    try {
      const { result, gone } = await deleteOne(pyro, id);
      if (json) await printResult(io, "workspaceDeleted", result);
      else if (gone !== undefined) printNote(io, `note: ${visibleText(gone, 500)}`);
      else printLine(io, `Deleted ${visibleText(id)}.`);
    } catch (error) {
      printError(io, error, { json });
      context.exit(exitCodeOf(error, { runs: false }));
    }
  }
}

interface DeletedOne {
  readonly result: WorkspaceDeleted;
  /** How it comes that there was nothing to delete. */
  readonly gone?: string;
}

async function deleteOne(pyro: Pyro, id: string): Promise<DeletedOne> {
  try {
    const result = await pyro.deleteWorkspace(id);
    return result.deleted ? { result } : { result, gone: `Workspace ${id} is gone already.` };
  } catch (error) {
    const { code, message } = asPyroError(error);
    if (code !== "workspace_not_found" && code !== "expired") throw error;
    return { result: { workspaceId: id, deleted: false }, gone: message };
  }
}
