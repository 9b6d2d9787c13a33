import { type HostConnection, PyroError, userEnvironment } from "../index.ts";
import type { CodingAgent, Fields, Place, Scope, ServerEntry, Surroundings } from "./agent.ts";
import { agentNamed } from "./agents/all-agents.ts";
import type { ConfigFile } from "./config-file.ts";
import { meansTheSame } from "./edit/editor.ts";
import { ownEntry, readConfigFile, wantedEntry } from "./entries.ts";
import { ownCommand } from "./executables.ts";
import { findAgent, runAgent } from "./run-agent.ts";
import { type ServeOptions, serveCommand } from "./serve-command.ts";

export interface ConnectOptions {
  /** Default: the user. */
  readonly scope?: Scope | undefined;
  readonly serve?: ServeOptions | undefined;
  /** Replaces an entry of the same name that is not ours. */
  readonly force?: boolean | undefined;
}

/** This process's user and place. */
export function currentSurroundings(): Surroundings {
  const env = userEnvironment();
  if (!env.HOME)
    throw new PyroError("invalid_argument", "HOME is not set.", {
      hint: "Set it to the directory of the user whose coding agent this is about.",
    });
  return { env, home: env.HOME, currentDirectory: process.cwd() };
}

/** Gives a coding agent our entry, or brings the one it has up to date. */
export async function connectHost(
  name: string,
  { scope = "user", serve = {}, force = false }: ConnectOptions,
  surroundings = currentSurroundings(),
): Promise<HostConnection> {
  const agent = agentNamed(name);
  const { currentDirectory } = surroundings;
  const command = serveCommand(ownCommand(), serve, { currentDirectory });
  return await writeEntry(agent, { scope, command, force }, surroundings);
}

/** Makes the entry of `scope` start `command`. */
export async function writeEntry(
  agent: CodingAgent,
  { scope, command, force }: { scope: Scope; command: readonly string[]; force: boolean },
  surroundings: Surroundings,
): Promise<HostConnection> {
  const place = agent.place(scope, surroundings);
  const file = await readConfigFile(agent, place);
  const program = findAgent(agent, surroundings);
  if (scope === "user" && program === undefined && !file.exists) throw notInstalled(agent);
  const isForced = force && !isOwn(agent, file);
  const before = isForced ? undefined : ownEntry(agent, file);
  const server: ServerEntry = { command, env: agent.entryEnvironment(surroundings.env) };
  const entry = wantedEntry(agent, server, before && file.entry);
  const isSame = meansTheSame(file.entry, entry);
  const backupPath = isSame ? null : await store(agent, { file, entry, program }, surroundings);
  return {
    host: agent.name,
    scope,
    path: place.path,
    action: isSame ? "unchanged" : before === undefined ? "connected" : "updated",
    command: [...command],
    backupPath,
    notes: notes(agent, place, command),
  };
}

interface Change {
  readonly file: ConfigFile;
  readonly entry: Fields;
  readonly program: string | undefined;
}

/** Through the agent's own command where it has one that leaves the rest of the file alone. */
async function store(
  agent: CodingAgent,
  { file, entry, program }: Change,
  surroundings: Surroundings,
): Promise<string | null> {
  const { commands } = agent;
  if (commands === undefined || program === undefined || file.place.scope !== "user")
    return await file.write(entry);
  const backup = await file.keepBackup();
  if (file.entry !== undefined) await must({ agent, program }, commands.remove, surroundings);
  try {
    await must({ agent, program }, commands.add(entry), surroundings);
  } catch (error) {
    const now = await readConfigFile(agent, file.place);
    if (file.entry !== undefined && now.entry === undefined) await now.write(file.entry as Fields);
    throw error;
  }
  const after = await readConfigFile(agent, file.place);
  if (!meansTheSame(after.entry, entry)) await after.write(entry);
  return backup;
}

/** Runs a command of the coding agent, which has to succeed. */
export async function must(
  { agent, program }: { readonly agent: CodingAgent; readonly program: string },
  args: readonly string[],
  surroundings: Surroundings,
): Promise<void> {
  const { ok, words } = await runAgent(program, args, surroundings);
  if (ok) return;
  throw new PyroError(
    "host_program_failed",
    `${agent.program} ${args.slice(0, 2).join(" ")} failed: ${words || "it said nothing"}`,
    { hint: `Add the entry by hand: pyro host print-config ${agent.name}` },
  );
}

function isOwn(agent: CodingAgent, file: ConfigFile): boolean {
  try {
    return ownEntry(agent, file) !== undefined;
  } catch {
    return false;
  }
}

function notInstalled(agent: CodingAgent): PyroError {
  return new PyroError(
    "host_not_installed",
    `${agent.title} is not installed: there is no ${agent.program} on the PATH, and no configuration of it.`,
    { hint: `Install it: ${agent.install}` },
  );
}

function notes(agent: CodingAgent, { scope }: Place, command: readonly string[]): string[] {
  return [
    ...(command.some((word) => word.includes("/_npx/"))
      ? [
          "This pyro is in npx's cache, which may vanish: npm install -g pyro-mcp, then connect again.",
        ]
      : []),
    ...(scope === "project"
      ? [agent.projectNote, "The entry names an executable of this machine."]
      : []),
  ];
}
