import type { Command } from "commander";
import { visibleText, type WorkspaceFileContent } from "../../index.ts";
import { type CommandContext, type JsonOption, wholeNumberArgument } from "../context.ts";
import type { IO } from "../io.ts";
import { formatBytes, printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

const defaultMaxBytes = 65_536;

interface ReadOptions extends JsonOption {
  readonly maxBytes: number;
}

export function addWorkspaceFileRead(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("read")
    .summary("the content of one file")
    .description(
      "Prints the beginning of a file. In a pipe these are its exact bytes; on a terminal control characters are made visible.",
    )
    .argument("<id>", idMeaning)
    .argument("<path>", "file, relative to /workspace or absolute")
    .option("--max-bytes <n>", "how much to read", wholeNumberArgument, defaultMaxBytes)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace file read demo README.md\n  pyro workspace file read demo dist/app.bin --max-bytes 16777216 > app.bin",
    )
    .action(async (id: string, path: string, { maxBytes, json }: ReadOptions) => {
      using pyro = openPyro();
      const content = await pyro.readWorkspaceFile(id, path, { maxBytes });
      if (json) return printResult(io, "workspaceFileRead", content);
      printFileContent(io, content, maxBytes);
    });
}

/** Exact bytes in a pipe, safe text on a terminal. */
export function printFileContent(io: IO, content: WorkspaceFileContent, maxBytes: number): void {
  const { text, base64, truncated, size } = content;
  if (!io.stdoutIsTerminal) {
    io.stdout.write(base64 === null ? text : Buffer.from(base64, "base64"));
  } else if (text !== "") {
    const shown = visibleText(text, Number.POSITIVE_INFINITY, "lines");
    io.stdout.write(shown.endsWith("\n") ? shown : `${shown}\n`);
  }
  if (truncated)
    printNote(
      io,
      `note: These are the first ${formatBytes(maxBytes)} of ${formatBytes(size)}; read more with --max-bytes.`,
    );
}
