import { type Command, Option } from "commander";
import { type HostConnection, visibleText } from "../index.ts";
import { type ProfileName, profileNames } from "../mcp/profiles.ts";
import type { IO } from "./io.ts";
import { collectText } from "./key-value.ts";
import { printLine, printNote } from "./printer.ts";

/** What the argument of these commands is. */
export const hostMeaning = "claude-code, codex or opencode";

export interface HostOptions {
  readonly json: boolean;
  readonly scope?: "user" | "project";
}

/** What is handed on to `pyro mcp serve`. */
export interface ServeArguments {
  readonly profile?: ProfileName;
  readonly projectPath?: string;
  readonly repoUrl?: string;
  readonly repoRef?: string;
  readonly withGit?: boolean;
  readonly allowPath?: readonly string[];
}

export function addServeOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--profile <name>", "which tools to offer (default: workspace-core)").choices(
        profileNames,
      ),
    )
    .option("--project-path <dir>", "what workspaces start from (default: the agent's project)")
    .option("--repo-url <url>", "start workspaces from a clean clone of this repository")
    .option("--repo-ref <ref>", "branch, tag or commit of it (default: its HEAD)")
    .option("--with-git", "keep its history, so that git fetch, log and push work there")
    .option(
      "--allow-path <dir>",
      "directory tools may use beside the project (repeatable)",
      collectText,
    );
}

export function serveOptions(options: ServeArguments): ServeArguments {
  const { profile, projectPath, repoUrl, repoRef, withGit, allowPath } = options;
  return {
    ...(profile && { profile }),
    ...(projectPath !== undefined && { projectPath }),
    ...(repoUrl !== undefined && { repoUrl }),
    ...(repoRef !== undefined && { repoRef }),
    ...(withGit !== undefined && { withGit }),
    ...(allowPath && { allowPath }),
  };
}

export function scopeOption(meaning: string): Option {
  return new Option("--scope <scope>", meaning).choices(["user", "project"]);
}

const outcomes = {
  connected: "connected",
  updated: "updated",
  unchanged: "already connected",
  disconnected: "disconnected",
  absent: "was not connected",
} as const;

/** One line of data, and what is left to say beside it. */
export function printConnection(
  io: IO,
  { host, action, path, notes, backupPath }: HostConnection,
): void {
  printLine(io, `${host} ${outcomes[action]}: ${visibleText(path, 400)}`);
  if (backupPath !== null) printNote(io, `The file as it was: ${visibleText(backupPath, 400)}`);
  for (const note of notes) printNote(io, note);
}
