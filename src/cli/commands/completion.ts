import { Argument, type Command } from "commander";
import { type Shell, scripts, shells } from "../completion/scripts.ts";
import type { CommandContext } from "../context.ts";
import { printLine } from "../printer.ts";

export function addCompletion(program: Command, { io }: CommandContext): void {
  program
    .command("completion")
    .summary("print a completion script for your shell")
    .description(
      "Prints a script that lets your shell complete commands, options, and the names there are when you press Tab: of workspaces, shells, services, snapshots, secrets and environments.",
    )
    .addArgument(new Argument("<shell>", "which shell it is for").choices(shells))
    .addHelpText(
      "after",
      "\nExamples:\n  pyro completion bash > ~/.local/share/bash-completion/completions/pyro\n  pyro completion fish > ~/.config/fish/completions/pyro.fish",
    )
    .action((shell: Shell) => printLine(io, scripts[shell]));
}
