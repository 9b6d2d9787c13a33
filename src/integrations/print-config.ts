import type { HostConfiguration } from "../index.ts";
import type { Scope } from "./agent.ts";
import { agentNamed } from "./agents/all-agents.ts";
import { currentSurroundings } from "./connect-host.ts";
import { editors } from "./edit/editors.ts";
import { wantedEntry } from "./entries.ts";
import { ownCommand } from "./executables.ts";
import { type ServeOptions, serveCommand } from "./serve-command.ts";

export interface PrintOptions {
  /** Default: the user. */
  readonly scope?: Scope | undefined;
  readonly serve?: ServeOptions | undefined;
}

/** What connecting would put into a coding agent's configuration, as a file of its own. */
export function printConfig(
  name: string,
  { scope = "user", serve = {} }: PrintOptions,
  surroundings = currentSurroundings(),
): HostConfiguration {
  const agent = agentNamed(name);
  const { path, format, keyPath } = agent.place(scope, surroundings);
  const command = serveCommand(ownCommand(), serve, surroundings);
  const env = agent.entryEnvironment(surroundings.env);
  const entry = wantedEntry(agent, { command, env }, undefined);
  const text = editors[format].write("", keyPath, entry);
  return { host: agent.name, scope, path, format, text, command: [...command] };
}
