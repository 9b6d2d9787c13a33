import { type HostConnection, PyroError } from "../index.ts";
import type { CodingAgent, FoundEntry, Scope, Surroundings } from "./agent.ts";
import { agentNamed } from "./agents/all-agents.ts";
import { currentSurroundings, writeEntry } from "./connect-host.ts";
import { askAs } from "./doctor-hosts.ts";
import { ownEntry, readConfigFile } from "./entries.ts";
import { ownCommands, programTrouble } from "./executables.ts";
import {
  type ParsedArguments,
  parseServeCommand,
  type ServeOptions,
  serveCommand,
} from "./serve-command.ts";

export interface RepairOptions {
  /** Default: every place that has an entry. */
  readonly scope?: Scope | undefined;
  /** What the entry shall say instead of what it says. */
  readonly serve?: ServeOptions | undefined;
}

/** Mends entries of ours that do not work, and leaves the others alone. */
export async function repairHost(
  name: string,
  { scope, serve = {} }: RepairOptions,
  surroundings = currentSurroundings(),
): Promise<HostConnection[]> {
  const agent = agentNamed(name);
  const scopes: readonly Scope[] = scope === undefined ? ["user", "project"] : [scope];
  const mended: HostConnection[] = [];
  for (const one of scopes) {
    const entry = ownEntry(agent, await readConfigFile(agent, agent.place(one, surroundings)));
    if (entry === undefined) continue;
    const command = await workingCommand(agent, entry, { serve, surroundings });
    mended.push(await writeEntry(agent, { scope: one, command, force: false }, surroundings));
  }
  if (mended.length > 0) return mended;
  throw new PyroError("host_not_connected", `${agent.title} has no entry for pyro.`, {
    hint: `Connect it: pyro host connect ${agent.name}`,
  });
}

interface Situation {
  readonly serve: ServeOptions;
  readonly surroundings: Surroundings;
}

/** The entry's own program where that works, else the pyro that runs this. */
async function workingCommand(
  agent: CodingAgent,
  entry: FoundEntry,
  { serve, surroundings }: Situation,
): Promise<readonly string[]> {
  const parsed = parseServeCommand(entry.command);
  const [program = "", next] = entry.command;
  const env = agent.serverEnvironment(surroundings.env, entry);
  const isDirect = next === "mcp" && program.startsWith("/");
  const isThere = isDirect && programTrouble(program, env.PATH) === undefined;
  const programs = [...(isThere ? [[program]] : []), ...ownCommands()];
  let trouble = "";
  for (const candidate of programs) {
    const command = serveCommand(candidate, merged(parsed, serve), {
      ...surroundings,
      others: parsed.others,
    });
    const answer = await askAs(agent, { ...entry, command }, surroundings);
    if (!("trouble" in answer)) return command;
    trouble = answer.trouble;
  }
  throw new PyroError("host_server_failed", `The server does not start. ${trouble}`, {
    hint: "pyro doctor checks this host; pyro mcp serve --help shows what a server may be given.",
  });
}

function merged({ options }: ParsedArguments, serve: ServeOptions): ServeOptions {
  const given = Object.entries(serve).filter((entry) => entry[1] !== undefined);
  const { projectPath, repoUrl, repoRef, withGit, ...rest } = options;
  const namesProject = given.some(([name]) => name === "projectPath" || name === "repoUrl");
  const project = namesProject ? {} : { projectPath, repoUrl, repoRef, withGit };
  return { ...rest, ...project, ...Object.fromEntries(given) };
}
