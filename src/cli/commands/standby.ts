import type { Command } from "commander";
import { type CpuLevel, defaults, type StandbyStatus } from "../../index.ts";
import {
  type CommandContext,
  cpuOption,
  type JsonOption,
  wholeNumberArgument,
} from "../context.ts";
import type { IO } from "../io.ts";
import { formatBytes, printLine, printNote, printResult, printTable } from "../printer.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";

interface OnOptions extends JsonOption {
  readonly count: number;
  readonly idleMinutes: number;
  readonly vcpuCount: number;
  readonly memMib: number;
  readonly cpu?: CpuLevel;
}

/** `pyro standby …` */
export function addStandby(program: Command, context: CommandContext): void {
  const group = program
    .command("standby")
    .summary("machines that wait, so that the next command starts at once: on, off, status")
    .description(
      "A standby is a machine that has run a command already and waits for the next that asks for one like it. It has had no user before, and never has a second one.",
    )
    .helpCommand(false)
    .addHelpText("after", "\nExamples:\n  pyro standby on\n  pyro standby status");
  addOn(group, context);
  addOff(group, context);
  addStatus(group, context);
}

function addOn(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("on")
    .summary("have a machine wait, and commands make up for those that they take")
    .description(
      "Has machines wait from now on, and a process that has pyro loaded. Each ends by itself when nobody wants it for long, and when the host is short of memory or disk; the next command has another one made ready behind it.",
    )
    .argument("[environment]", "the only one to keep them for (default: what commands ask for)")
    .option("--count <n>", "how many wait", wholeNumberArgument, 1)
    .option("--idle-minutes <m>", "how long one waits", wholeNumberArgument, 15)
    .option("--vcpu-count <n>", "virtual CPUs", wholeNumberArgument, defaults.vcpuCount)
    .option("--mem-mib <n>", "guest memory in MiB", wholeNumberArgument, defaults.memMib)
    .addOption(cpuOption())
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro standby on\n  pyro standby on debian:12 --count 2 --idle-minutes 60",
    )
    .action(async (environment: string | undefined, { json, ...options }: OnOptions) => {
      using pyro = openPyro();
      const status = await turnOn();
      if (json) return printResult(io, "standbyStatus", status);
      printStatus(io, status);

      async function turnOn(): Promise<StandbyStatus> {
        using progress = json ? silentProgress() : showProgress(io, environment ?? "standby");
        return await pyro.turnStandbysOn({ ...options, environment, onProgress: progress.report });
      }
    });
}

function addOff(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("off")
    .summary("end the machines that wait")
    .description(
      "Ends every machine that waits, and the process that does, and has none made ready by commands any more.",
    )
    .option("--json", "print one JSON object", false)
    .addHelpText("after", "\nExamples:\n  pyro standby off\n  pyro standby off --json")
    .action(async ({ json }: JsonOption) => {
      using pyro = openPyro();
      const result = await pyro.turnStandbysOff();
      if (json) return printResult(io, "standbyEnded", result);
      printLine(io, `Ended: ${result.endedCount}`);
    });
}

function addStatus(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("status")
    .summary("which machines wait, and what they cost")
    .description("Which machines wait, and the memory and processor time that each costs.")
    .option("--json", "print one JSON object", false)
    .addHelpText("after", "\nExamples:\n  pyro standby status\n  pyro standby status --json")
    .action(async ({ json }: JsonOption) => {
      using pyro = openPyro();
      const status = await pyro.standbyStatus();
      if (json) return printResult(io, "standbyStatus", status);
      printStatus(io, status);
    });
}

function printStatus(io: IO, status: StandbyStatus) {
  const { isOn, heldBack, environment, count, standbys, commandLine } = status;
  const what = environment ?? "whatever was last asked for";
  printLine(io, isOn ? `Standby is on: ${count} for ${what}.` : "Standby is off.");
  if (heldBack !== null) printNote(io, heldBack);
  if (commandLine !== null) {
    const memory = commandLine.pssBytes === null ? "?" : formatBytes(commandLine.pssBytes);
    printLine(io, `The command line waits, too: ${memory}, until ${commandLine.endsAt}.`);
  }
  if (standbys.length === 0) return;
  const rows = standbys.map((standby) => [
    standby.environment,
    `${standby.vcpuCount} vCPU, ${standby.memMib} MiB`,
    standby.keeper,
    standby.pssBytes === null ? "?" : formatBytes(standby.pssBytes),
    `${standby.cpuPercent} %`,
    standby.endsAt,
  ]);
  printTable(io, [["ENVIRONMENT", "SIZE", "KEPT BY", "MEMORY", "CPU", "ENDS AT"], ...rows]);
}
