import { Command, CommanderError } from "commander";
import { Pyro, version, visibleText } from "../index.ts";
import { addCompletion } from "./commands/completion.ts";
import { addDemo } from "./commands/demo.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEnvInspect } from "./commands/env-inspect.ts";
import { addEnvList } from "./commands/env-list.ts";
import { addEnvPrune } from "./commands/env-prune.ts";
import { addEnvPull } from "./commands/env-pull.ts";
import { addHost } from "./commands/host.ts";
import { addMcp } from "./commands/mcp-serve.ts";
import { addRun } from "./commands/run.ts";
import { addStandby } from "./commands/standby.ts";
import { addWorkspace } from "./commands/workspace.ts";
import type { CommandContext } from "./context.ts";
import { exitCode, exitCodeOf } from "./exit-codes.ts";
import { helpTexts } from "./help-texts.ts";
import type { IO } from "./io.ts";
import { printError } from "./printer.ts";

/** Longer ones, such as the help that follows a missing command, are cut. */
const usageErrorLengthMax = 4000;

/** Runs one command line and answers its exit code. */
export async function runCommandLine(
  args: readonly string[],
  io: IO,
  openPyro: () => Pyro = () => new Pyro(),
): Promise<number> {
  let code: number = exitCode.done;
  const program = buildProgram({
    io,
    openPyro,
    exit: (value) => {
      code = value;
    },
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCode.done : exitCode.usage;
    printError(io, error, { json: beforeDashes(args).includes("--json") });
    return exitCodeOf(error, { runs: false });
  }
}

/** All commands; also what completion and the reference are made from. */
export function buildProgram(context: CommandContext): Command {
  const { io } = context;
  const program = new Command("pyro")
    .description("Disposable real-VM workspaces for coding agents")
    .version(version, "--version", "print the version")
    .helpCommand(false)
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp(helpTexts)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(safeUsageError(text)),
    })
    .addHelpText(
      "after",
      "\nExamples:\n  pyro run debian:12 -- git --version\n  pyro workspace create debian:12 --name demo --seed-path .",
    );
  addRun(program, context);
  const env = program
    .command("env")
    .summary("environments: list, pull, inspect, prune")
    .description(
      "An environment is what a machine starts from: one of the catalog, built from the Debian archive, or any OCI image.",
    )
    .helpCommand(false)
    .addHelpText("after", "\nExamples:\n  pyro env list\n  pyro env pull debian:12");
  addEnvList(env, context);
  addEnvPull(env, context);
  addEnvInspect(env, context);
  addEnvPrune(env, context);
  addWorkspace(program, context);
  addStandby(program, context);
  addMcp(program, context);
  addHost(program, context);
  addDoctor(program, context);
  addDemo(program, context);
  addCompletion(program, context);
  return program;
}

/** The parser's own words about arguments, which may hold anything. */
function safeUsageError(text: string): string {
  return visibleText(text, usageErrorLengthMax, "lines").replace(
    /^error: (\w)/,
    (_, first: string) => `error: ${first.toUpperCase()}`,
  );
}

function beforeDashes(args: readonly string[]): readonly string[] {
  const dashes = args.indexOf("--");
  return dashes < 0 ? args : args.slice(0, dashes);
}
