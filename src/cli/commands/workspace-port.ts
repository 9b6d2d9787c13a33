import type { Command } from "commander";
import type { PortToPublish, PublishedPort } from "../../index.ts";
import { type CommandContext, type JsonOption, wholeNumberArgument } from "../context.ts";
import { portText } from "../listings/service-lines.ts";
import { type Column, emptyCell, tableLines } from "../listings/table.ts";
import { portArgument } from "../port-argument.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

const onlyHere =
  "Published on 127.0.0.1: programs of this machine reach it, no other machine does.";

export function addWorkspacePortPublish(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("publish")
    .summary("reach a port of the guest from this machine")
    .description(
      "Listens on 127.0.0.1 and passes connections on to a port of the guest, until it is unpublished or the workspace stops. Works for servers that listen on the guest's 127.0.0.1, ::1 or all addresses. The workspace must have been created with --network-policy published-ports.",
    )
    .argument("<id>", idMeaning)
    .argument("<port>", "GUEST, or HOST:GUEST; without HOST a free port is found", portArgument)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace port publish demo 8000\n  pyro workspace port publish demo 8080:80",
    )
    .action(async (id: string, port: PortToPublish, { json }: JsonOption) => {
      using pyro = openPyro();
      const published = await pyro.publishPort(id, port);
      if (json) return printResult(io, "portPublished", published);
      printLine(io, portText(published));
      printNote(io, onlyHere);
    });
}

export function addWorkspacePortList(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("list")
    .summary("the published ports of a workspace")
    .description("Lists the ports of a running workspace that this machine reaches.")
    .argument("<id>", idMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace port list demo\n  pyro workspace port list demo --json | jq -r '.ports[].url'",
    )
    .action(async (id: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const list = await pyro.listPorts(id);
      if (json) return printResult(io, "portList", list);
      if (list.ports.length === 0) return printNote(io, "No published ports.");
      const columns: readonly Column<PublishedPort>[] = [
        { title: "URL", rank: 0, cell: ({ url }) => url },
        { title: "GUEST", rank: 0, cell: ({ guestPort }) => String(guestPort) },
        { title: "SERVICE", rank: 1, cell: ({ service }) => service ?? emptyCell },
      ];
      for (const line of tableLines(io, columns, list.ports)) printLine(io, line);
    });
}

export function addWorkspacePortUnpublish(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("unpublish")
    .summary("publish a port no more")
    .description("Ends the listening on a port of this machine, and the connections through it.")
    .argument("<id>", idMeaning)
    .argument("<port>", "port of this machine", wholeNumberArgument)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace port unpublish demo 8080\n  pyro workspace port unpublish demo 8080 --json",
    )
    .action(async (id: string, port: number, { json }: JsonOption) => {
      using pyro = openPyro();
      const done = await pyro.unpublishPort(id, port);
      if (json) return printResult(io, "portUnpublished", done);
      printLine(io, `Port ${done.hostPort} is published no more.`);
    });
}
