import type { Command } from "commander";
import { type HostCheck, type HostDiagnosis, visibleText } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { exitCode } from "../exit-codes.ts";
import { hostMeaning } from "../host-arguments.ts";
import type { IO } from "../io.ts";
import { paint, printLine, printResult } from "../printer.ts";

const marks = {
  ok: ["green", "ok  "],
  warn: ["yellow", "warn"],
  fail: ["red", "fail"],
  skip: ["dim", "-   "],
} as const;

const nameWidth = "configured".length;

export function addHostDoctor(group: Command, context: CommandContext): void {
  group
    .command("doctor")
    .summary("check that coding agents reach us")
    .description(
      "Says for each coding agent whether it is installed and connected, and starts its server as it would.\nEnds with 1 when a connected one does not work.",
    )
    .argument("[agent]", `${hostMeaning}; all of them when absent`)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro host doctor\n  pyro host doctor codex --json | jq .healthy",
    )
    .action(async (agent: string | undefined, { json }: JsonOption) => {
      const { doctorHosts } = await import("../../integrations/doctor-hosts.ts");
      const report = await doctorHosts(agent);
      context.exit(report.healthy ? exitCode.done : exitCode.failed);
      if (json) return printResult(context.io, "hostReport", report);
      for (const [index, host] of report.hosts.entries()) printHost(context.io, host, index > 0);
    });
}

function printHost(io: IO, { title, checks }: HostDiagnosis, isLater: boolean): void {
  if (isLater) printLine(io);
  printLine(io, paint(io, "bold", title));
  for (const check of checks) printCheck(io, check);
}

function printCheck(io: IO, { name, status, message, fix }: HostCheck): void {
  const [color, mark] = marks[status];
  const text = visibleText(message, 700);
  printLine(io, `${paint(io, color, mark)}  ${name.padEnd(nameWidth)}  ${text}`);
  if (fix !== null) printLine(io, `${" ".repeat(nameWidth + 8)}${paint(io, "dim", `→ ${fix}`)}`);
}
