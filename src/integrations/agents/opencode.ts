import { existsSync } from "node:fs";
import { join } from "node:path";
import { type CodingAgent, entryName, type Place, type Scope } from "../agent.ts";
import { asFields, asStrings, asVariables, pick } from "./fields.ts";

/** What OpenCode reads in a directory, the strongest first. */
const fileNames = ["opencode.jsonc", "opencode.json"];

// `opencode mcp add` writes the whole file anew and there is no command to remove, so the file is edited in place.
export const opencode: CodingAgent = {
  name: "opencode",
  title: "OpenCode",
  program: "opencode",
  install: "npm install -g opencode-ai",
  startTimeoutMs: 30_000,
  protocolVersion: "2025-11-25",
  projectNote: "Everybody who opens this project with OpenCode starts this server.",
  place: (scope, { env, home, currentDirectory }) =>
    scope === "user"
      ? placeIn(
          join(env.XDG_CONFIG_HOME || join(home, ".config"), "opencode"),
          scope,
          "opencode.jsonc",
        )
      : placeIn(currentDirectory, scope, "opencode.json"),
  otherPlaces: () => [],
  encode: ({ command, env }) => ({
    set: {
      type: "local",
      command,
      ...(Object.keys(env).length > 0 && { environment: env }),
    },
    // Progress notifications extend the time limit of a call.
    defaults: { enabled: true, timeout: 60_000 },
  }),
  decode: (entry) => {
    const { command, environment, enabled } = asFields(entry) ?? {};
    const words = asStrings(command);
    if (words === undefined || words.length === 0) return undefined;
    return {
      command: words,
      env: asVariables(environment),
      isEnabled: enabled !== false,
      forwarded: [],
    };
  },
  serverEnvironment: (env, entry) => ({ ...env, OPENCODE: "1", ...entry.env }),
  entryEnvironment: (env) => pick(env, ["PYRO_CACHE_DIR", "PYRO_STATE_DIR"]),
};

/** The file that is there; a new one is called `newName`. */
function placeIn(directory: string, scope: Scope, newName: string): Place {
  const present = fileNames.find((name) => existsSync(join(directory, name)));
  return {
    scope,
    path: join(directory, present ?? newName),
    format: "jsonc",
    keyPath: ["mcp", entryName],
  };
}
