import type { HostConnection } from "../index.ts";
import type { Scope } from "./agent.ts";
import { agentNamed } from "./agents/all-agents.ts";
import { currentSurroundings, must } from "./connect-host.ts";
import { ownEntry, readConfigFile } from "./entries.ts";
import { findAgent } from "./run-agent.ts";

export interface DisconnectOptions {
  /** Default: the user. */
  readonly scope?: Scope | undefined;
  /** Also removes an entry of the same name that is not ours. */
  readonly force?: boolean | undefined;
}

/** Takes away what connecting gave. */
export async function disconnectHost(
  name: string,
  { scope = "user", force = false }: DisconnectOptions,
  surroundings = currentSurroundings(),
): Promise<HostConnection> {
  const agent = agentNamed(name);
  const place = agent.place(scope, surroundings);
  const file = await readConfigFile(agent, place);
  if (!force) ownEntry(agent, file);
  const isPresent = file.entry !== undefined;
  if (isPresent) {
    const program = findAgent(agent, surroundings);
    if (agent.commands && program !== undefined && scope === "user") {
      const replaced = await file.replacedEntry();
      await must({ agent, program }, agent.commands.remove, surroundings);
      if (replaced !== undefined) await (await readConfigFile(agent, place)).write(replaced);
      await file.dropBackup();
    } else await file.remove();
  }
  return {
    host: agent.name,
    scope,
    path: place.path,
    action: isPresent ? "disconnected" : "absent",
    command: [],
    backupPath: null,
    notes: [],
  };
}
