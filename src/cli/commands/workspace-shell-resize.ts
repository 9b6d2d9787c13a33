import type { Command } from "commander";
import { type CommandContext, type JsonOption, wholeNumberArgument } from "../context.ts";
import { printLine, printResult } from "../printer.ts";
import { idMeaning, shellMeaning } from "../workspace-arguments.ts";

interface ResizeOptions extends JsonOption {
  readonly cols: number;
  readonly rows: number;
}

export function addWorkspaceShellResize(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("resize")
    .summary("change the size of a shell's terminal")
    .description("Changes the size of a shell's terminal; its programs are told.")
    .argument("<id>", idMeaning)
    .argument("<shell>", shellMeaning)
    .requiredOption("--cols <n>", "columns", wholeNumberArgument)
    .requiredOption("--rows <n>", "rows", wholeNumberArgument)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace shell resize demo sh-1a2b3c4d --cols 200 --rows 50\n  pyro workspace shell resize demo sh-1a2b3c4d --cols 80 --rows 24 --json",
    )
    .action(async (id: string, shell: string, { json, ...size }: ResizeOptions) => {
      using pyro = openPyro();
      const result = await pyro.resizeShell(id, shell, size);
      if (json) return printResult(io, "shellResize", result);
      printLine(io, `Shell ${result.shellId} is ${result.cols}x${result.rows}.`);
    });
}
