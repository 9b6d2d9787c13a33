import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { addHostConnect } from "./host-connect.ts";
import { addHostDisconnect } from "./host-disconnect.ts";
import { addHostDoctor } from "./host-doctor.ts";
import { addHostPrintConfig } from "./host-print-config.ts";
import { addHostRepair } from "./host-repair.ts";

export function addHost(program: Command, context: CommandContext): void {
  const group = program
    .command("host")
    .summary("coding agents: connect, disconnect, print-config, doctor, repair")
    .description("Tells coding agents about pyro's MCP server, and checks that they reach it.")
    .helpCommand(false)
    .addHelpText("after", "\nExamples:\n  pyro host connect claude-code\n  pyro host doctor");
  addHostConnect(group, context);
  addHostDisconnect(group, context);
  addHostPrintConfig(group, context);
  addHostDoctor(group, context);
  addHostRepair(group, context);
}
