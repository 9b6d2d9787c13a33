import { Argument, type Command } from "commander";
import { catalog } from "../../index.ts";
import type { CommandContext } from "../context.ts";
import { printLine } from "../printer.ts";

const shells = ["bash", "zsh", "fish"] as const;

export function addCompletion(program: Command, { io }: CommandContext): void {
  program
    .command("completion")
    .summary("print a completion script for your shell")
    .description("Prints a script that completes commands, options and environments.")
    .addArgument(new Argument("<shell>", "which shell it is for").choices(shells))
    .addHelpText(
      "after",
      "\nExamples:\n  pyro completion bash > ~/.local/share/bash-completion/completions/pyro\n  pyro completion fish > ~/.config/fish/completions/pyro.fish",
    )
    .action((shell: (typeof shells)[number]) => {
      printLine(io, scripts[shell](words(program)));
    });
}

/** What may follow each command, from the commands themselves. */
function words(program: Command): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const visit = (command: Command, path: string) => {
    const names = command.commands.map((child) => child.name());
    const flags = command.options.flatMap((option) => (option.long ? [option.long] : []));
    const environments = command.registeredArguments.some(
      (argument) => argument.name() === "environment",
    )
      ? catalog.map((entry) => entry.name)
      : [];
    found.set(path, [...names, ...flags, ...environments, "--help"]);
    for (const child of command.commands)
      for (const name of [child.name(), ...child.aliases()]) visit(child, `${path} ${name}`.trim());
  };
  visit(program, "");
  return found;
}

const scripts: Record<(typeof shells)[number], (found: Map<string, string[]>) => string> = {
  bash: (found) => `_pyro() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || path="\${path:+$path }$word"; done
  local choices
  case "$path" in
${cases(found)}
  esac
  COMPREPLY=($(compgen -W "$choices" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _pyro pyro`,
  zsh: (found) => `#compdef pyro
local path="" choices
for word in \${words[2,CURRENT-1]}; do [[ $word == -* ]] || path="\${path:+$path }$word"; done
case "$path" in
${cases(found)}
esac
compadd -- \${=choices}`,
  fish: (found) =>
    [...found]
      .flatMap(([path, choices]) => choices.map((choice) => fishLine(path, choice)))
      .join("\n"),
};

function cases(found: Map<string, string[]>): string {
  return [...found]
    .map(
      ([path, choices]) =>
        `    "${path}"${path === "" ? "" : `|"${path} "*`}) choices="${choices.join(" ")}" ;;`,
    )
    .reverse()
    .join("\n");
}

function fishLine(path: string, choice: string): string {
  const condition =
    path === ""
      ? "__fish_use_subcommand"
      : path
          .split(" ")
          .map((word) => `__fish_seen_subcommand_from ${word}`)
          .join("; and ");
  return `complete -c pyro -f -n '${condition}' ${choice.startsWith("--") ? `-l ${choice.slice(2)}` : `-a '${choice}'`}`;
}
