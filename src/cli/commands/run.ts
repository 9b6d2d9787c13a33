import type { Command } from "commander";
import {
  type CpuLevel,
  defaults,
  elapsedMs,
  Pyro,
  readConfig,
  startTrace,
  type Trace,
} from "../../index.ts";
import { addInputOptions, type InputOptions } from "../command-input.ts";
import {
  type CommandContext,
  cpuOption,
  type JsonOption,
  seconds,
  wholeNumberArgument,
} from "../context.ts";
import type { IO } from "../io.ts";
import { type LiveStreams, runLiveCommand } from "../live-command.ts";
import { addNetworkOptions, egressOptions, type NetworkOptions } from "../network-arguments.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";
import { addSecretOptions, type SecretOptions, secretSources } from "../secret-arguments.ts";

interface RunOptions extends JsonOption, InputOptions, NetworkOptions, SecretOptions {
  readonly vcpuCount: number;
  readonly memMib: number;
  readonly cpu?: CpuLevel;
  readonly timeoutSeconds: number;
  readonly ttlSeconds: number;
  readonly network: boolean;
  readonly allowHostCompat: boolean;
}

export function addRun(program: Command, context: CommandContext): void {
  const command = addInputOptions(program.command("run"))
    .summary("run one command in a VM that is gone afterwards")
    .description(
      "Runs one command in an ephemeral VM. Output streams live. A pipe or a file at standard input is passed through; a terminal only with -i.\nExits with the command's own code, 124 on time-out, 125 when pyro itself failed.",
    )
    .argument("<environment>", "catalog name or image reference, e.g. debian:12")
    .argument("<command...>", "program and arguments, after --")
    .option("--vcpu-count <n>", "virtual CPUs", wholeNumberArgument, defaults.vcpuCount)
    .option("--mem-mib <n>", "guest memory in MiB", wholeNumberArgument, defaults.memMib)
    .addOption(cpuOption())
    .option(
      "--timeout-seconds <s>",
      "how long the command may take",
      seconds,
      defaults.timeoutSeconds,
    )
    .option(
      "--ttl-seconds <s>",
      "how long the VM may live, whatever happens",
      seconds,
      defaults.ttlSeconds,
    )
    .option("--network", "let the command reach the public internet, or what follows says", false);
  addSecretOptions(addNetworkOptions(command))
    .option(
      "--allow-host-compat",
      "run on this host WITHOUT isolation when no guest can run",
      false,
    )
    .option("--json", "print one JSON object when it is over", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro run debian:12 -- git --version\n  echo 'print(6 * 7)' | pyro run debian:12 -- python3 -",
    )
    .action(async (environment: string, command: string[], options: RunOptions) => {
      context.exit(await run({ environment, command, options, io: context.io }));
    });
}

interface RunCall {
  readonly environment: string;
  readonly command: readonly string[];
  readonly options: RunOptions;
  readonly io: IO;
}

async function run(call: RunCall): Promise<number> {
  const { io, options } = call;
  const trace = startTrace();
  try {
    return await runLiveCommand({
      io,
      json: options.json,
      input: options,
      resultName: "run",
      timeoutSeconds: options.timeoutSeconds,
      outOfMemory: {
        message: `The command ran out of the guest's ${options.memMib} MiB of memory.`,
        hint: "Give it more with --mem-mib.",
      },
      wayOut: {
        allow: (target) => `Allow it: pyro run --network --allow-host ${target} …`,
        remove: (rule) => `Run it without --deny-host ${rule.slice("deny ".length)}.`,
      },
      execute: (streams) => execute(call, streams, trace),
    });
  } finally {
    // Without a phase there may be no configuration either.
    if (trace.phases.length > 0 && readConfig().trace) printTrace(io, trace);
  }
}

async function execute(
  { environment, command, options, io }: RunCall,
  streams: LiveStreams,
  trace: Trace,
) {
  using pyro = new Pyro({ trace });
  using progress = options.json ? silentProgress() : showProgress(io, environment);
  return await pyro.runInVm({
    ...options,
    ...egressOptions(options),
    ...streams,
    secrets: secretSources(io, options),
    environment,
    command,
    onProgress: progress.report,
  });
}

function printTrace(io: IO, trace: Trace): void {
  const phases = trace.phases.map(({ phase, atMs }) => `${phase}=${atMs}`).join(" ");
  io.stderr.write(`trace: ${phases} end=${elapsedMs().toFixed(2)}\n`);
}
