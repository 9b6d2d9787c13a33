import { type Command, Option } from "commander";
import { PyroError } from "../../index.ts";
import type { CommandContext } from "../context.ts";
import { collectKeyValue, collectText, type KeyValues } from "../key-value.ts";
import { answerWorkspace } from "../listings/workspace-block.ts";
import {
  addWorkspaceOutput,
  idMeaning,
  type WorkspaceOutputOption,
} from "../workspace-arguments.ts";

interface UpdateOptions extends WorkspaceOutputOption {
  readonly name?: string;
  readonly clearName: boolean;
  readonly label?: KeyValues;
  readonly clearLabel?: readonly string[];
}

export function addWorkspaceUpdate(group: Command, context: CommandContext): void {
  const command = group
    .command("update")
    .summary("change the name and the labels")
    .description("Changes what a workspace is found by. The machine does not notice.")
    .argument("<id>", idMeaning)
    .addOption(new Option("--name <name>", "a new name").conflicts("clearName"))
    .option("--clear-name", "take its name away", false)
    .option("--label <k=v>", "add or replace a label (repeatable)", collectKeyValue)
    .option("--clear-label <k>", "remove a label (repeatable)", collectText);
  addWorkspaceOutput(command)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace update demo --name review --label task=42\n  pyro workspace update review --clear-label task --clear-name",
    )
    .action((id: string, options: UpdateOptions) => update(context, id, options));
}

async function update(
  { io, openPyro }: CommandContext,
  id: string,
  { name, clearName, label, clearLabel, ...options }: UpdateOptions,
): Promise<void> {
  if (name === undefined && !clearName && label === undefined && clearLabel === undefined)
    throw new PyroError("invalid_argument", "There is nothing to update.", {
      hint: "Give --name, --clear-name, --label or --clear-label.",
    });
  using pyro = openPyro();
  const workspace = await pyro.updateWorkspace(id, {
    name,
    clearName,
    labels: label,
    clearLabels: clearLabel,
  });
  await answerWorkspace(io, workspace, { ...options, detail: "brief" });
}
