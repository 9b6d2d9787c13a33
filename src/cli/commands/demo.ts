import type { Command } from "commander";
import { Pyro } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { exitCode } from "../exit-codes.ts";
import { watchInterrupts } from "../interrupt.ts";
import { printLine, printResult } from "../printer.ts";
import { showProgress, silentProgress } from "../progress-bar.ts";
import { addDemoOllama } from "./demo-ollama.ts";

const environment = "debian:12";
const command = ["git", "--version"];

export function addDemo(program: Command, context: CommandContext): void {
  const group = program
    .command("demo")
    .summary("prove create → start → exec → delete of one VM")
    .description(
      "Makes a VM of debian:12, runs `git --version` in it and deletes it, a line for each step. Installs debian:12 first when it is missing.",
    )
    .option("--json", "print one JSON object", false)
    .addHelpText("after", "\nExamples:\n  pyro demo\n  pyro demo --json")
    .action((options: JsonOption) => demo(context, options));
  addDemoOllama(group, context);
}

async function demo(context: CommandContext, { json }: JsonOption): Promise<void> {
  const { io } = context;
  const say = (line: string) => {
    if (!json) printLine(io, line);
  };
  using interrupt = watchInterrupts();
  using pyro = new Pyro();
  const started = performance.now();
  const vm = await pyro.createVm({ environment });
  say(`create  ${vm.vmId}  ${vm.environment}, ${vm.vcpuCount} vCPU, ${vm.memMib} MiB`);
  try {
    using progress = json ? silentProgress() : showProgress(io, environment);
    const running = await pyro.startVm(vm.vmId, {
      signal: interrupt.signal,
      onProgress: progress.report,
    });
    progress[Symbol.dispose]();
    say(
      `start   ${vm.vmId}  ${running.driver}, ${running.executionMode}, isolation: ${running.isolation}`,
    );
    const result = await pyro.execVm(vm.vmId, { command, signal: interrupt.signal });
    say(`exec    ${command.join(" ")}  exit ${result.exitCode}`);
    say(`        ${result.stdout.trim()}`);
    say(`delete  ${vm.vmId}`);
    const totalMs = Math.round(performance.now() - started);
    if (json) await printResult(io, "demo", { ...result, totalMs });
    else
      printLine(
        io,
        `pyro works: ${result.stdout.trim()} answered by a guest in ${(totalMs / 1000).toFixed(1)} s.`,
      );
    context.exit(result.exitCode === 0 ? exitCode.done : exitCode.failed);
  } finally {
    await pyro.deleteVm(vm.vmId);
  }
}
