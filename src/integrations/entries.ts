import { PyroError } from "../index.ts";
import type { CodingAgent, Fields, FoundEntry, Place, ServerEntry } from "./agent.ts";
import { asFields } from "./agents/fields.ts";
import { ConfigFile } from "./config-file.ts";
import { plain } from "./edit/editor.ts";
import { isOurCommand } from "./serve-command.ts";

/** Variables of an entry that say where pyro keeps things. */
const ownVariables = ["PYRO_CACHE_DIR", "PYRO_STATE_DIR"];

/** The file of `place`, which may not exist. */
export function readConfigFile(agent: CodingAgent, place: Place): Promise<ConfigFile> {
  return ConfigFile.read(place, (entry) => decodeOwn(agent, entry) !== undefined);
}

function decodeOwn(agent: CodingAgent, entry: unknown): FoundEntry | undefined {
  const found = agent.decode(entry);
  return found !== undefined && isOurCommand(found.command) ? found : undefined;
}

/** Our entry in `file`; undefined when there is none. Throws `host_config_conflict` for somebody else's. */
export function ownEntry(agent: CodingAgent, file: ConfigFile): FoundEntry | undefined {
  if (file.entry === undefined) return undefined;
  const found = decodeOwn(agent, file.entry);
  if (found !== undefined) return found;
  throw new PyroError(
    "host_config_conflict",
    `${file.place.path} has an entry "${file.place.keyPath.at(-1)}" that does not start pyro.`,
    { hint: "Rename that entry, or replace it with: --force" },
  );
}

/** The whole entry as it should stand: ours, and what its user added. */
export function wantedEntry(agent: CodingAgent, server: ServerEntry, current: unknown): Fields {
  const old = (plain(asFields(current)) ?? {}) as Record<string, unknown>;
  const { set, defaults } = agent.encode({
    ...server,
    env: { ...usersVariables(agent, old), ...server.env },
  });
  const entry = { ...defaults, ...old, ...set };
  // An entry that somebody turned off and then connects again is to work.
  if (entry.enabled === false) entry.enabled = true;
  for (const key of ["env", "environment"]) if (key in old && !(key in set)) delete entry[key];
  // Ours first in a new entry: it is what people look for.
  return { ...(current === undefined && set), ...entry };
}

function usersVariables(agent: CodingAgent, old: Fields): Record<string, string> {
  const entries = Object.entries(agent.decode(old)?.env ?? {});
  return Object.fromEntries(entries.filter(([name]) => !ownVariables.includes(name)));
}
