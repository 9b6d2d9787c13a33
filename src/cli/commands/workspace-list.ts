import { type Command, Option } from "commander";
import { type Pyro, visibleText, type WorkspaceList, type WorkspaceState } from "../../index.ts";
import type { CommandContext } from "../context.ts";
import type { IO } from "../io.ts";
import { collectKeyValue, type KeyValues } from "../key-value.ts";
import { stateColors } from "../listings/workspace-block.ts";
import { workspaceListLines } from "../listings/workspace-list.ts";
import { printLine, printNote, printResult } from "../printer.ts";
import { watchInTerminal, watchOnPipe } from "../watch.ts";
import { addWorkspaceOutput, type WorkspaceOutputOption } from "../workspace-arguments.ts";

interface ListOptions extends WorkspaceOutputOption {
  readonly watch: boolean;
  readonly state?: WorkspaceState;
  readonly label?: KeyValues;
}

export function addWorkspaceList(group: Command, context: CommandContext): void {
  const command = group
    .command("list")
    .summary("all workspaces, the last used first")
    .description("Lists workspaces, those of other sessions and other programs too.")
    .addOption(
      new Option("--state <state>", "only those in this state").choices(Object.keys(stateColors)),
    )
    .option("--label <k=v>", "only those with this label (repeatable)", collectKeyValue)
    .option("--watch", "show it again whenever something changes, until Ctrl-C", false);
  addWorkspaceOutput(command)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace list --watch\n  pyro workspace list --label task=42 --json | jq -r '.workspaces[].name'",
    )
    .action((options: ListOptions) => list(context, options));
}

async function list(context: CommandContext, options: ListOptions): Promise<void> {
  const { io, openPyro } = context;
  using pyro = openPyro();
  const read = () => readList(pyro, options);
  if (!options.watch) return printList(io, await read(), options);
  const isScreen = io.stdoutIsTerminal && !options.json && !options.idOnly;
  const code = isScreen
    ? await watchInTerminal(io, async () => screenLines(io, await read()))
    : await watchOnPipe(read, (found) => printList(io, found, options));
  context.exit(code);
}

async function readList(pyro: Pyro, { state, label }: ListOptions): Promise<WorkspaceList> {
  const { workspaces } = await pyro.listWorkspaces();
  const wanted = Object.entries(label ?? {});
  return {
    workspaces: workspaces.filter(
      (one) =>
        (state === undefined || one.state === state) &&
        wanted.every(([key, value]) => one.labels[key] === value),
    ),
  };
}

async function printList(io: IO, found: WorkspaceList, options: ListOptions): Promise<void> {
  if (options.json) return printResult(io, "workspaceList", found);
  const { workspaces } = found;
  if (options.idOnly) {
    for (const { workspaceId } of workspaces) printLine(io, visibleText(workspaceId));
    return;
  }
  if (workspaces.length === 0) return printNote(io, emptyText(options));
  printWorkspaceList(io, found, Date.now());
}

/** The list as a table. */
export function printWorkspaceList(io: IO, { workspaces }: WorkspaceList, nowMs: number): void {
  for (const line of workspaceListLines(io, workspaces, nowMs)) printLine(io, line);
}

function screenLines(io: IO, { workspaces }: WorkspaceList): readonly string[] {
  return workspaces.length === 0
    ? ["No workspaces."]
    : workspaceListLines(io, workspaces, Date.now());
}

function emptyText({ state, label }: ListOptions): string {
  return state === undefined && label === undefined
    ? "There are no workspaces. Create one: pyro workspace create debian:12"
    : "No workspace is like that. All of them: pyro workspace list";
}
