import { join } from "node:path";
import { type CodingAgent, entryName } from "../agent.ts";
import { asFields, asStrings, asVariables, pick } from "./fields.ts";

export const claudeCode: CodingAgent = {
  name: "claude-code",
  title: "Claude Code",
  program: "claude",
  install: "npm install -g @anthropic-ai/claude-code",
  startTimeoutMs: 30_000,
  protocolVersion: "2025-11-25",
  projectNote: "Claude Code asks each user once whether to trust servers of .mcp.json.",
  place: (scope, { env, home, currentDirectory }) =>
    scope === "user"
      ? {
          scope,
          path: join(env.CLAUDE_CONFIG_DIR || home, ".claude.json"),
          format: "json",
          keyPath: ["mcpServers", entryName],
        }
      : {
          scope,
          path: join(currentDirectory, ".mcp.json"),
          format: "json",
          keyPath: ["mcpServers", entryName],
        },
  otherPlaces: ({ env, home, currentDirectory }) => [
    {
      scope: "local",
      path: join(env.CLAUDE_CONFIG_DIR || home, ".claude.json"),
      format: "json",
      keyPath: ["projects", currentDirectory, "mcpServers", entryName],
    },
  ],
  encode: ({ command: [command, ...args], env }) => ({
    set: {
      type: "stdio",
      command,
      args,
      ...(Object.keys(env).length > 0 && { env }),
    },
    defaults: {},
  }),
  decode: (entry) => {
    const { command, args, env } = asFields(entry) ?? {};
    const rest = asStrings(args);
    if (typeof command !== "string" || rest === undefined) return undefined;
    return {
      command: [command, ...rest],
      env: asVariables(env),
      isEnabled: true,
      forwarded: [],
    };
  },
  serverEnvironment: (env, entry) => ({ ...env, CLAUDECODE: "1", ...entry.env }),
  entryEnvironment: (env) => pick(env, ["PYRO_CACHE_DIR", "PYRO_STATE_DIR"]),
  commands: {
    add: (entry) => ["mcp", "add-json", "--scope", "user", entryName, JSON.stringify(entry)],
    remove: ["mcp", "remove", "--scope", "user", entryName],
  },
};
