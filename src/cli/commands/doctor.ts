import type { Command } from "commander";
import { type DoctorCheck, Pyro } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { exitCode } from "../exit-codes.ts";
import { paint, printLine, printResult } from "../printer.ts";

const marks = { ok: ["green", "ok  "], warn: ["yellow", "warn"], fail: ["red", "fail"] } as const;

export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .summary("check whether guests can run here, and what mends the rest")
    .description(
      "Looks at everything that guests need, and names the command that mends each finding. Ends with 1 when no guest can run here.",
    )
    .option("--json", "print one JSON object", false)
    .addHelpText("after", "\nExamples:\n  pyro doctor\n  pyro doctor --json | jq .driver")
    .action(async ({ json }: JsonOption) => {
      const { io } = context;
      using pyro = new Pyro();
      const report = await pyro.doctor();
      context.exit(report.canRunGuests ? exitCode.done : exitCode.failed);
      if (json) return printResult(io, "doctor", report);
      const nameWidth = Math.max(...report.checks.map((check) => check.name.length));
      for (const check of report.checks) printCheck(context, check, nameWidth);
      printLine(io);
      if (report.canRunGuests)
        printLine(
          io,
          `Guests run with ${report.driver} on ${report.accelerator} (isolation: ${report.isolation}).`,
        );
      else printLine(io, `No guest can run here: ${report.reason}`);
    });
}

function printCheck({ io }: CommandContext, check: DoctorCheck, nameWidth: number): void {
  const [color, mark] = marks[check.status];
  printLine(io, `${paint(io, color, mark)}  ${check.name.padEnd(nameWidth)}  ${check.message}`);
  if (check.fix !== null)
    printLine(io, `${" ".repeat(nameWidth + 8)}${paint(io, "dim", `→ ${check.fix}`)}`);
}
