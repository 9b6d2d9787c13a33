import { posix } from "node:path";
import type { Command } from "commander";
import { defaults, type Shell, visibleText } from "../../index.ts";
import { type CommandContext, wholeNumberArgument } from "../context.ts";
import type { IO } from "../io.ts";
import type { KeyValues } from "../key-value.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import {
  addWorkspaceOutput,
  envOption,
  idMeaning,
  secretEnvOption,
  type WorkspaceOutputOption,
} from "../workspace-arguments.ts";

interface OpenOptions extends WorkspaceOutputOption {
  readonly cwd?: string;
  readonly cols: number;
  readonly rows: number;
  readonly env?: KeyValues;
  readonly secretEnv?: KeyValues;
}

export function addWorkspaceShellOpen(group: Command, context: CommandContext): void {
  addWorkspaceOutput(
    group
      .command("open")
      .summary("start a program on a terminal that stays")
      .description(
        "Starts bash, or the program after --, on a terminal of its own in a started workspace. It goes on until it ends or is closed, whoever leaves.",
      )
      .argument("<id>", idMeaning)
      .argument("[command...]", "program and arguments, after -- (default: bash, else sh)")
      .option("--cwd <path>", "where to start it, relative to /workspace (default: /workspace)")
      .option("--cols <n>", "columns of its terminal", wholeNumberArgument, defaults.shellCols)
      .option("--rows <n>", "rows of its terminal", wholeNumberArgument, defaults.shellRows)
      .addOption(envOption())
      .addOption(secretEnvOption()),
  )
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace shell open demo\n  SHELL_ID=$(pyro workspace shell open demo --id-only -- python3)",
    )
    .action(async (id: string, command: string[], { idOnly, json, ...options }: OpenOptions) => {
      using pyro = context.openPyro();
      const shell = await pyro.openShell(id, {
        ...options,
        cwd: options.cwd === undefined ? undefined : posix.resolve("/workspace", options.cwd),
        command: command.length === 0 ? undefined : command,
      });
      if (json) return printResult(context.io, "shell", shell);
      if (idOnly) return printLine(context.io, shell.shellId);
      printOpened(context.io, id, shell);
    });
}

function printOpened(io: IO, id: string, { shellId, cols, rows }: Shell): void {
  printLine(io, `Opened shell ${shellId} (${cols}x${rows}).`);
  printNote(io, `Work in it: pyro workspace shell attach ${visibleText(id)} ${shellId}`);
}
