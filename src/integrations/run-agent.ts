import { execFile } from "node:child_process";
import { visibleText } from "../index.ts";
import type { CodingAgent, Surroundings } from "./agent.ts";
import { findExecutable } from "./executables.ts";

const timeoutMs = 60_000;

/** How a coding agent's own command ended. */
export interface AgentAnswer {
  readonly ok: boolean;
  /** Its last words, fit for a message. */
  readonly words: string;
}

/** The coding agent's executable, as its user's shell finds it; undefined when there is none. */
export function findAgent(agent: CodingAgent, { env }: Surroundings): string | undefined {
  return findExecutable(agent.program, env.PATH);
}

/** Runs a command of the coding agent to its end. */
export function runAgent(
  program: string,
  args: readonly string[],
  { env, currentDirectory }: Surroundings,
): Promise<AgentAnswer> {
  return new Promise((settle) => {
    const options = { env, cwd: currentDirectory, timeout: timeoutMs, maxBuffer: 1024 * 1024 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const said = visibleText((error && stderr.trim() ? stderr : stdout).trim(), 600);
      settle({ ok: error === null, words: said || (error?.message ?? "") });
    });
    child.stdin?.end();
  });
}
