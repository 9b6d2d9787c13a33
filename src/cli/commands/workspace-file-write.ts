import { type Command, Option } from "commander";
import { visibleText } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { formatBytes, printLine, printResult } from "../printer.ts";
import { readInput } from "../read-input.ts";
import { idMeaning } from "../workspace-arguments.ts";

interface WriteOptions extends JsonOption {
  readonly text?: string;
  readonly textFile?: string;
}

export function addWorkspaceFileWrite(group: Command, context: CommandContext): void {
  group
    .command("write")
    .summary("create or replace one file")
    .description("Replaces the file in one step; missing directories are created.")
    .argument("<id>", idMeaning)
    .argument("<path>", "file, relative to /workspace or absolute")
    .addOption(new Option("--text <text>", "what it holds then").conflicts("textFile"))
    .option("--text-file <file>", "a file of this host with what it holds then; - is stdin")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace file write demo notes.txt --text 'hello'\n  date | pyro workspace file write demo stamp.txt --text-file -",
    )
    .action((id: string, path: string, options: WriteOptions) =>
      write(context, { id, path, ...options }),
    );
}

async function write(
  { io, openPyro }: CommandContext,
  { id, path, text, textFile, json }: WriteOptions & { readonly id: string; readonly path: string },
): Promise<void> {
  const content = await readInput(io, { option: "--text", text, file: textFile });
  using pyro = openPyro();
  const result = await pyro.writeWorkspaceFile(id, path, { text: content });
  if (json) return printResult(io, "workspaceFileWrite", result);
  const how = result.created ? "Created" : "Replaced";
  printLine(io, `${how} ${visibleText(result.path)}: ${formatBytes(result.bytes)}.`);
}
