import { join } from "node:path";
import { environmentVariables, readConfig } from "../../index.ts";
import { type CodingAgent, entryName } from "../agent.ts";
import { asFields, asStrings, asVariables, pick } from "./fields.ts";

/** All that Codex hands to a server by itself. */
const passedOn = [
  "HOME",
  "LOGNAME",
  "PATH",
  "SHELL",
  "USER",
  "__CF_USER_TEXT_ENCODING",
  "LANG",
  "LC_ALL",
  "TERM",
  "TMPDIR",
  "TZ",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
];

/** What pyro reads beside those: Codex hands these on where they are set. */
const forwarded = environmentVariables
  .map(({ name }) => name)
  .filter((name) => /^(PYRO_|DOCKER_CONFIG$|XDG_(CACHE|STATE)_HOME$|\w+_PROXY$)/.test(name))
  .filter((name) => name !== "PYRO_FAULT" && name !== "PYRO_TRACE")
  // Proxies are named in either case.
  .flatMap((name) => (name.endsWith("_PROXY") ? [name, name.toLowerCase()] : [name]));

// `codex mcp add` rewrites the entries of other servers without their comments, turns CRLF into LF and
// knows neither `required` nor the time limits, so its file is edited in place.
export const codex: CodingAgent = {
  name: "codex",
  title: "Codex",
  program: "codex",
  install: "npm install -g @openai/codex",
  startTimeoutMs: 30_000,
  protocolVersion: "2025-06-18",
  projectNote: "Codex reads .codex/config.toml only in projects that its user trusts.",
  place: (scope, { env, home, currentDirectory }) => ({
    scope,
    path:
      scope === "user"
        ? join(env.CODEX_HOME || join(home, ".codex"), "config.toml")
        : join(currentDirectory, ".codex", "config.toml"),
    format: "toml",
    keyPath: ["mcp_servers", entryName],
  }),
  otherPlaces: () => [],
  encode: ({ command: [command, ...args], env }) => ({
    set: { command, args, ...(Object.keys(env).length > 0 && { env }) },
    defaults: {
      env_vars: forwarded,
      // Otherwise Codex waits one second and goes on without the tools.
      required: true,
      startup_timeout_sec: 30,
      // The first workspace of an environment may have to build it.
      tool_timeout_sec: 600,
    },
  }),
  decode: (entry) => {
    const { command, args, env, env_vars, enabled } = asFields(entry) ?? {};
    const rest = asStrings(args);
    if (typeof command !== "string" || rest === undefined) return undefined;
    return {
      command: [command, ...rest],
      env: asVariables(env),
      isEnabled: enabled !== false,
      forwarded: asStrings(env_vars) ?? [],
    };
  },
  serverEnvironment: (env, entry) => ({
    ...pick(env, passedOn),
    ...pick(env, entry.forwarded),
    ...entry.env,
  }),
  entryEnvironment: (env) => {
    const { cacheDirectory, stateDirectory } = readConfig(env);
    return {
      ...(env.PYRO_CACHE_DIR && { PYRO_CACHE_DIR: cacheDirectory }),
      ...(env.PYRO_STATE_DIR && { PYRO_STATE_DIR: stateDirectory }),
    };
  },
};
