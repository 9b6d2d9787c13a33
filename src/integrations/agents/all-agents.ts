import { nearest, PyroError, visibleText } from "../../index.ts";
import type { CodingAgent } from "../agent.ts";
import { claudeCode } from "./claude-code.ts";
import { codex } from "./codex.ts";
import { opencode } from "./opencode.ts";

/** Every coding agent that pyro can be connected to. */
export const codingAgents: readonly CodingAgent[] = [claudeCode, codex, opencode];

/** The coding agent of this name. */
export function agentNamed(name: string): CodingAgent {
  const found = codingAgents.find((agent) => agent.name === name);
  if (found !== undefined) return found;
  const names = codingAgents.map((agent) => agent.name);
  const guess = names.find((known) => known.startsWith(name)) ?? nearest(name, names);
  throw new PyroError("host_unknown", `There is no coding agent "${visibleText(name)}" here.`, {
    hint: `${guess === undefined ? "" : `Did you mean ${guess}? `}Known: ${names.join(", ")}.`,
  });
}
