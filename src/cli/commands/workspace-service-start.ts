import { type Command, Option } from "commander";
import { defaults, type PortToPublish, type Readiness, type RestartPolicy } from "../../index.ts";
import { type CommandContext, type JsonOption, seconds, wholeNumberArgument } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import type { KeyValues } from "../key-value.ts";
import { printServiceOutcome } from "../listings/service-lines.ts";
import { collectPort } from "../port-argument.ts";
import { printResult } from "../printer.ts";
import {
  envOption,
  idMeaning,
  secretEnvOption,
  serviceNameMeaning,
} from "../workspace-arguments.ts";

interface StartOptions extends JsonOption {
  readonly cwd?: string;
  readonly env?: KeyValues;
  readonly secretEnv?: KeyValues;
  readonly readyFile?: string;
  readonly readyTcp?: string;
  readonly readyHttp?: string;
  readonly readyCommand?: string;
  readonly readyLog?: string;
  readonly readyTimeoutSeconds: number;
  readonly readyIntervalMs: number;
  readonly stopGraceSeconds: number;
  readonly restart: RestartPolicy;
  readonly publish?: readonly PortToPublish[];
}

const probes = ["readyFile", "readyTcp", "readyHttp", "readyCommand", "readyLog"] as const;

export function addWorkspaceServiceStart(group: Command, context: CommandContext): void {
  const command = group
    .command("start")
    .summary("start a named program that stays")
    .description(
      "Starts a program that runs on in the workspace, and waits until it is ready. It outlives this command, and ends with `service stop`, by itself, or with the machine. One that ends before it is ready, or is not ready in time, is an error that quotes its last lines.",
    )
    .argument("<id>", idMeaning)
    .argument("<name>", serviceNameMeaning)
    .argument("<command...>", "program and arguments, after --")
    .option("--cwd <path>", "where to run it, relative to /workspace (default: /workspace)")
    .addOption(envOption())
    .addOption(secretEnvOption());
  for (const option of probeOptions()) command.addOption(option);
  command
    .option(
      "--ready-timeout-seconds <s>",
      "how long it may take to be ready",
      seconds,
      defaults.readyTimeoutSeconds,
    )
    .option(
      "--ready-interval-ms <ms>",
      "longest pause between two looks",
      wholeNumberArgument,
      defaults.readyIntervalMs,
    )
    .option(
      "--stop-grace-seconds <s>",
      "how long it may take to end before it is killed",
      seconds,
      defaults.stopGraceSeconds,
    )
    .addOption(
      new Option("--restart <policy>", "start it again when it fails after it was ready")
        .choices(["no", "on-failure"])
        .default("no"),
    )
    .option(
      "--publish <port>",
      "GUEST or HOST:GUEST: reach it from this machine (repeatable)",
      collectPort,
    )
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace service start demo web --ready-tcp 8000 -- python3 -m http.server\n  pyro workspace service start demo db --ready-log ready --restart on-failure -- ./db",
    )
    .action((id: string, name: string, words: string[], options: StartOptions) =>
      start(context, { id, name, command: words, ...options }),
    );
}

/** One probe at most. */
function probeOptions(): Option[] {
  const options = [
    new Option("--ready-file <path>", "ready when this path of the guest is made or changed"),
    new Option("--ready-tcp <host:port>", "ready when this port of the guest takes connections"),
    new Option("--ready-http <url>", "ready when this URL of the guest answers with 200 to 399"),
    new Option("--ready-command <line>", "ready when this shell line ends with 0"),
    new Option("--ready-log <text>", "ready when a line of its output contains this"),
  ];
  return options.map((option, at) => option.conflicts(probes.filter((_, other) => other !== at)));
}

interface StartCall extends StartOptions {
  readonly id: string;
  readonly name: string;
  readonly command: readonly string[];
}

async function start({ io, openPyro }: CommandContext, call: StartCall): Promise<void> {
  using interrupt = watchInterrupts();
  using pyro = openPyro();
  const started = await pyro.startService(call.id, call.name, {
    command: call.command,
    cwd: call.cwd,
    env: call.env,
    secretEnv: call.secretEnv,
    readiness: readinessOf(call),
    readyTimeoutSeconds: call.readyTimeoutSeconds,
    readyIntervalMs: call.readyIntervalMs,
    stopGraceSeconds: call.stopGraceSeconds,
    restart: call.restart,
    publishedPorts: call.publish,
    signal: interrupt.signal,
  });
  if (call.json) return printResult(io, "service", started);
  printServiceOutcome(io, started);
}

function readinessOf(options: StartOptions): Readiness | undefined {
  const { readyFile, readyTcp, readyHttp, readyCommand, readyLog } = options;
  if (readyFile !== undefined) return { kind: "file", path: readyFile };
  if (readyTcp !== undefined) return { kind: "tcp", address: readyTcp };
  if (readyHttp !== undefined) return { kind: "http", url: readyHttp };
  if (readyCommand !== undefined) return { kind: "command", command: ["sh", "-c", readyCommand] };
  if (readyLog !== undefined) return { kind: "log", text: readyLog };
  return undefined;
}
