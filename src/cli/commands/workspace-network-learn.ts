import type { Command } from "commander";
import { type LearnedNetwork, visibleText } from "../../index.ts";
import { addInputOptions } from "../command-input.ts";
import type { CommandContext } from "../context.ts";
import type { IO } from "../io.ts";
import { runLiveCommand } from "../live-command.ts";
import { wayOutOf } from "../network-arguments.ts";
import { printLine } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";
import {
  addWorkspaceCommandOptions,
  commandOptions,
  type WorkspaceCommandCall,
  type WorkspaceCommandOptions,
  workspaceOutOfMemory,
} from "../workspace-command.ts";

interface LearnOptions extends WorkspaceCommandOptions {
  readonly apply: boolean;
}

export function addWorkspaceNetworkLearn(group: Command, context: CommandContext): void {
  const asked = addInputOptions(group.command("learn"))
    .summary("what a command needs to reach")
    .description(
      "Runs a command in a workspace while everything public is reachable, and then prints the narrowest rules that would have let it pass: hosts and ports as they were. What a rule denies stays denied, and so does everything internal that no rule opens. The workspace's own rules hold again as soon as the command is over, however it ends.\nExits with the command's own code, 124 on time-out, 125 when pyro itself failed.",
    )
    .argument("<id>", idMeaning)
    .argument("<command...>", "program and arguments, after --")
    .option("--apply", "make these the workspace's rules, if the command succeeds", false);
  addWorkspaceCommandOptions(asked)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace network learn demo --timeout-seconds 600 -- npm ci\n  pyro workspace network learn demo --apply -- pip install -r requirements.txt",
    )
    .action(async (id: string, command: string[], options: LearnOptions) => {
      context.exit(await learn(context, { id, command, ...options }));
    });
}

async function learn(
  { io, openPyro }: CommandContext,
  call: LearnOptions & WorkspaceCommandCall,
): Promise<number> {
  const { id, timeoutSeconds, apply, json } = call;
  return runLiveCommand({
    io,
    json,
    input: call,
    resultName: "networkLearned",
    timeoutSeconds,
    outOfMemory: workspaceOutOfMemory,
    wayOut: wayOutOf(id),
    execute: async (streams) => {
      using pyro = openPyro();
      const options = { ...streams, ...commandOptions(call), apply };
      const learned = await pyro.learnNetwork(id, options);
      if (!json) printLearned(io, id, learned);
      return learned;
    },
  });
}

function printLearned(io: IO, id: string, { rules, isApplied }: LearnedNetwork): void {
  const allowed = rules
    .filter((rule) => rule.startsWith("allow "))
    .map((rule) => shellWord(visibleText(rule.slice("allow ".length), 300)));
  if (allowed.length === 0) {
    printLine(io, "It reached nothing: preset none would have let it pass.");
    return;
  }
  printLine(io, "It reached, as options of run and workspace create:");
  for (const target of allowed) printLine(io, `  --allow-host ${target}`);
  const command = `pyro workspace network allow ${shellWord(id)} ${allowed.join(" ")}`;
  if (isApplied) printLine(io, "The workspace reaches that now, and nothing else.");
  else printLine(io, `To let this workspace reach it:\n  ${command} --network-preset none`);
}

/** Brackets of an address of IPv6 are a pattern to shells. */
function shellWord(text: string): string {
  return /[^\w.:,@%+=/-]/.test(text) ? `'${text}'` : text;
}
