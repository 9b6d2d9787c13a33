import type { Command } from "commander";
import { visibleText, type WorkspaceSecrets } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import type { IO } from "../io.ts";
import { type Column, emptyCell, tableLines } from "../listings/table.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { idMeaning } from "../workspace-arguments.ts";

export function addWorkspaceSecretList(group: Command, { io, openPyro }: CommandContext): void {
  group
    .command("list")
    .summary("names of a workspace's secrets, never their values")
    .description("Lists which secrets a workspace has and how they were handed over.")
    .argument("<id>", idMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace secret list demo\n  pyro workspace secret list demo --json | jq -r '.secrets[].name'",
    )
    .action(async (id: string, { json }: JsonOption) => {
      using pyro = openPyro();
      const list = await pyro.listSecrets(id);
      if (json) return printResult(io, "workspaceSecrets", list);
      printSecrets(io, list);
    });
}

/** So that the column is seen on a narrow terminal; `--json` has them all. */
const shownMax = 2;

const brokeredColumn: Column<WorkspaceSecrets["secrets"][number]> = {
  title: "PUT INTO REQUESTS TO",
  rank: 2,
  cell: ({ credential }) => credentialText(credential),
};

/** Where pyro puts it in; of what commands have themselves, that they do. */
function credentialText(credential: WorkspaceSecrets["secrets"][number]["credential"]): string {
  if (credential === null) return emptyCell;
  const { hosts, methods, paths } = credential;
  const limits = [
    ...(methods === null ? [] : [`methods=${methods.join(",")}`]),
    ...(paths === null ? [] : [`paths=${paths.join(",")}`]),
  ];
  const more = hosts.length > shownMax ? [`+${hosts.length - shownMax}`] : [];
  return visibleText([hosts.slice(0, shownMax).join(","), ...more, ...limits].join(" "));
}

/** The secrets as a table. */
export function printSecrets(io: IO, { secrets }: WorkspaceSecrets): void {
  if (secrets.length === 0) printNote(io, "The workspace has no secrets.");
  if (secrets.length === 0) return;
  const columns: readonly Column<WorkspaceSecrets["secrets"][number]>[] = [
    { title: "SECRET", rank: 0, cell: ({ name }) => visibleText(name) },
    { title: "FROM", rank: 1, cell: ({ sourceKind }) => sourceKind },
    ...(secrets.every(({ credential }) => credential === null) ? [] : [brokeredColumn]),
  ];
  for (const line of tableLines(io, columns, secrets)) printLine(io, line);
}
