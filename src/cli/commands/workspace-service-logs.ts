import { type Command, InvalidArgumentError, Option } from "commander";
import {
  asPyroError,
  defaults,
  type FollowedLine,
  type Pyro,
  type ServiceLogsOptions,
  visibleText,
} from "../../index.ts";
import { type CommandContext, type JsonOption, wholeNumberArgument } from "../context.ts";
import { watchInterrupts } from "../interrupt.ts";
import type { IO } from "../io.ts";
import { writeTo } from "../live-command.ts";
import { explainDenied, wayOutOf } from "../network-arguments.ts";
import { printNote, printResult } from "../printer.ts";
import { durationArgument } from "../time.ts";
import { idMeaning, serviceNameMeaning } from "../workspace-arguments.ts";

interface LogsOptions extends JsonOption {
  readonly tailLines?: number;
  readonly all: boolean;
  readonly follow: boolean;
  readonly since?: Date;
  readonly timestamps: boolean;
  readonly raw: boolean;
}

export function addWorkspaceServiceLogs(group: Command, context: CommandContext): void {
  group
    .command("logs")
    .summary("what a service wrote")
    .description(
      "Prints what a service wrote: its standard output to stdout, its standard error to stderr. Control characters are made visible; --raw prints the lines as they were.",
    )
    .argument("<id>", idMeaning)
    .argument("<name>", serviceNameMeaning)
    .addOption(
      new Option("--tail-lines <n>", `only the last so many (default: ${defaults.logTailLines})`)
        .argParser(wholeNumberArgument)
        .conflicts("all"),
    )
    .option("--all", "all that is kept: the last 16 MiB", false)
    .addOption(
      new Option("--follow", "go on until the service is over").default(false).conflicts("json"),
    )
    .option("--since <time>", "only since then: 10m, 2h, or 2026-01-31T12:00:00Z", timeArgument)
    .option("--timestamps", "begin each line with when it was written", false)
    .addOption(new Option("--raw", "lines as they were").default(false).conflicts("json"))
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace service logs demo web --tail-lines 50\n  pyro workspace service logs demo web --follow --since 10m",
    )
    .action((id: string, name: string, options: LogsOptions) =>
      logs(context, { id, name, ...options }),
    );
}

interface LogsCall extends LogsOptions {
  readonly id: string;
  readonly name: string;
}

async function logs({ io, openPyro, exit }: CommandContext, call: LogsCall): Promise<void> {
  using interrupt = watchInterrupts();
  using pyro = openPyro();
  const { id, name, all, tailLines, since } = call;
  const query = { all, tailLines, since, signal: interrupt.signal };
  if (!call.follow) return await printLogs(io, pyro, { call, query });
  const onLine = (line: FollowedLine) => writeLine(io, line, call);
  try {
    await pyro.followServiceLogs(id, name, { ...query, onLine });
  } catch (error) {
    // Whoever follows ends it like this.
    if (interrupt.exitCode === undefined || asPyroError(error).code !== "cancelled") throw error;
    exit(interrupt.exitCode);
  }
}

async function printLogs(
  io: IO,
  pyro: Pyro,
  { call, query }: { readonly call: LogsCall; readonly query: ServiceLogsOptions },
): Promise<void> {
  const found = await pyro.logsService(call.id, call.name, query);
  if (call.json) return printResult(io, "serviceLogs", found);
  for (const { at, stream, text } of found.lines)
    await writeLine(io, { at: new Date(at), stream, text: Buffer.from(text) }, call);
  if (found.lines.length === 0) printNote(io, "It wrote nothing.");
  if (found.truncated && !call.all && call.tailLines === undefined)
    printNote(io, "There are earlier lines: --all");
  if (found.droppedBytes > 0)
    printNote(io, `note: ${found.droppedBytes} bytes are missing; the guest's disk was full`);
  explainDenied(io, found.deniedConnections, wayOutOf(call.id));
}

function writeLine(
  io: IO,
  { at, stream, text }: FollowedLine,
  { timestamps, raw }: LogsOptions,
): void | Promise<void> {
  const shown = () => visibleText(text.toString("utf8"), Number.MAX_SAFE_INTEGER, "lines");
  const words = raw ? text : Buffer.from(shown());
  const prefix = timestamps ? `${at.toISOString()} ` : "";
  return writeTo(io[stream])(Buffer.concat([Buffer.from(prefix), words, Buffer.from("\n")]));
}

/** A duration before now, or a moment. */
function timeArgument(text: string): Date {
  if (/^\d+[smhd]$/.test(text)) return new Date(Date.now() - durationArgument(text) * 1000);
  const at = new Date(text);
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(at.getTime())) return at;
  throw new InvalidArgumentError(
    `"${text}" is neither a duration such as 10m nor a time such as 2026-01-31T12:00:00Z.`,
  );
}
