import { type Command, Option } from "commander";
import { createServer } from "../../mcp/create-server.ts";
import { defaultProfile, type ProfileName, profileNames, profiles } from "../../mcp/profiles.ts";
import type { IO } from "../io.ts";

interface ServeOptions {
  readonly profile: ProfileName;
  readonly tools?: readonly string[];
  readonly exclude?: readonly string[];
  readonly readOnly: boolean;
  readonly projectPath?: string;
  readonly repoUrl?: string;
  readonly repoRef?: string;
  readonly withGit?: boolean;
  readonly allowPath?: readonly string[];
  readonly ask: boolean;
}

/** `pyro mcp …`. It loads nothing else of ours: coding agents wait only so long for their tools. */
export function addMcp(program: Command, { io }: { readonly io: Pick<IO, "stderr"> }): void {
  const group = program
    .command("mcp")
    .summary("serve the tools to a coding agent: serve")
    .description(
      "Gives coding agents disposable VMs and workspaces as tools. `pyro host connect` makes an agent start this by itself.",
    )
    .helpCommand(false)
    .addHelpText("after", "\nExamples:\n  pyro mcp serve\n  claude mcp add pyro -- pyro mcp serve");
  const described = Object.entries(profiles)
    .map(([name, meaning]) => `  ${name.padEnd(16)}${meaning}`)
    .join("\n");
  group
    .command("serve")
    .summary("serve MCP on standard input and output")
    .description(
      `Serves MCP on standard input and output, until the input ends. Workspaces live on.\nStarted in a Git checkout, workspaces start from a copy of it.\n\nProfiles:\n${described}`,
    )
    .addOption(
      new Option("--profile <name>", "which tools to offer")
        .choices(profileNames)
        .default(defaultProfile),
    )
    .option("--tools <names>", "exactly these tools, whatever the profile (a,b,…)", names)
    .option("--exclude <names>", "tools to leave out (a,b,…)", names)
    .option("--read-only", "only tools that change nothing", false)
    .option("--project-path <dir>", "what workspaces start from (default: the checkout around)")
    .option("--repo-url <url>", "start workspaces from a clean clone of this repository")
    .option("--repo-ref <ref>", "branch, tag or commit of it (default: its HEAD)")
    .option("--with-git", "keep its history, so that git fetch, log and push work there")
    .option(
      "--allow-path <dir>",
      "directory tools may read and write beside the project (repeatable)",
      append,
    )
    .option(
      "--no-ask",
      "never ask the person behind the agent what a workspace may reach; refuse it right away",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  pyro mcp serve --profile vm-run\n  pyro mcp serve --repo-url https://example.org/project.git --repo-ref v1.2",
    )
    .action((options: ServeOptions) => serve(io, options));
}

async function serve(
  { stderr }: Pick<IO, "stderr">,
  { allowPath, ask, ...options }: ServeOptions,
): Promise<void> {
  const { serveProcess } = await import("../../mcp/serve-process.ts");
  const server = createServer({
    ...options,
    allowPaths: allowPath,
    asksPerson: ask,
    keepsStandby: true,
  });
  await serveProcess(server, stderr);
}

function names(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(",").map((name) => name.trim())].filter(Boolean);
}

function append(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
