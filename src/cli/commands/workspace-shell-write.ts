import { type Command, Option } from "commander";
import type { CommandContext, JsonOption } from "../context.ts";
import { printNote, printResult } from "../printer.ts";
import { readInput } from "../read-input.ts";
import { idMeaning, shellMeaning } from "../workspace-arguments.ts";

interface WriteOptions extends JsonOption {
  readonly input?: string;
  readonly inputFile?: string;
  readonly key?: readonly string[];
  readonly newline: boolean;
}

export function addWorkspaceShellWrite(group: Command, context: CommandContext): void {
  group
    .command("write")
    .summary("type into a shell")
    .description(
      "Types text, followed by Enter, or presses keys. Keys are enter, tab, esc, space, backspace, delete, insert, up, down, left, right, home, end, pageup, pagedown, f1 to f12, single characters, and those with ctrl-, alt- or shift- before them.",
    )
    .argument("<id>", idMeaning)
    .argument("<shell>", shellMeaning)
    .option("--input <text>", "what to type")
    .addOption(
      new Option("--input-file <file>", "a file of this host to type; - is stdin").conflicts(
        "input",
      ),
    )
    .option("--no-newline", "without Enter at the end")
    .option("--key <name>", "a key to press after it, without Enter (repeatable)", collect)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace shell write demo sh-1a2b3c4d --input 'make test'\n  pyro workspace shell write demo sh-1a2b3c4d --key esc --input ':wq'",
    )
    .action((id: string, shell: string, options: WriteOptions) =>
      write(context, { id, shell, ...options }),
    );
}

function collect(key: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, key];
}

async function write(
  { io, openPyro }: CommandContext,
  { id, shell, json, ...options }: WriteOptions & { readonly id: string; readonly shell: string },
): Promise<void> {
  const { input: text, inputFile: file, key: keys, newline } = options;
  const hasText = text !== undefined || file !== undefined;
  const input =
    hasText || keys === undefined
      ? await readInput(io, { option: "--input", text, file })
      : undefined;
  using pyro = openPyro();
  const appendNewline = newline && keys === undefined;
  const result = await pyro.writeShell(id, shell, { input, keys, appendNewline });
  if (json) return printResult(io, "shellWrite", result);
  printNote(io, `Typed ${result.bytes} bytes.`);
}
