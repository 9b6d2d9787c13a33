import { existsSync, readFileSync } from "node:fs";
import { baseEnvironment } from "../home.ts";
import type { Answer, TestWorkspaces } from "../workspaces.ts";
import type { Kept } from "./kept.ts";

/** What every operation of a campaign works on. */
export interface Ground {
  readonly place: TestWorkspaces;
  readonly id: string;
  /** What was acknowledged so far. */
  readonly kept: Kept;
}

/** One call that may be cut off anywhere, and what must hold afterwards. */
export interface Operation {
  readonly method: Parameters<TestWorkspaces["start"]>[0];
  given(ground: Ground, token: string): readonly unknown[];
  /** What is untrue about the answer, or lost though it was acknowledged; undefined when all is well. */
  judge(
    ground: Ground,
    round: { readonly token: string; readonly answer: Answer<Record<string, unknown>> },
  ): Promise<string | undefined>;
}

const longText = (token: string) => `${token}\n`.repeat(2_500);
const target = (token: string) => `file ${token.charCodeAt(token.length - 1) % 4}`;
const patched = "patched";

export const operations: Readonly<Record<string, Operation>> = {
  write: {
    method: "writeWorkspaceFile",
    given: ({ id }, token) => [id, target(token), { text: longText(token) }],
    judge: ({ kept }, { token, answer }) =>
      kept.settle(target(token), longText(token), answer.result !== undefined),
  },
  patch: {
    method: "applyWorkspacePatch",
    given: ({ id, kept }, token) => {
      const old = kept.text(patched)?.trimEnd();
      const [from, hunk] =
        old === undefined
          ? ["/dev/null", "@@ -0,0 +1 @@"]
          : [`a/${patched}`, `@@ -1 +1 @@\n-${old}`];
      return [id, { patch: `--- ${from}\n+++ b/${patched}\n${hunk}\n+${token}\n` }];
    },
    judge: ({ kept }, { token, answer }) =>
      kept.settle(patched, `${token}\n`, answer.result !== undefined),
  },
  exec: {
    method: "execWorkspace",
    given: ({ id }, token) => [id, { command: ["sh", "-c", `echo ${token}; exit 7`] }],
    judge: async ({ place, id }, { token, answer: { result } }) => {
      if (result === undefined) return undefined;
      if (result.exitCode !== 7 || result.stdout !== `${token}\n`)
        return "another end than its own";
      const sequence = Number(result.sequence);
      const [logged] = (await place.pyro.logsWorkspace(id, { sequence })).commands;
      if (result.journaled === false) return undefined;
      return logged?.exitCode === 7 ? undefined : `logged as ${JSON.stringify(logged)}`;
    },
  },
  snapshot: {
    method: "createSnapshot",
    given: ({ id }, token) => [id, token],
    judge: async ({ place, id }, { token, answer }) => {
      const { snapshots } = await place.pyro.listSnapshots(id);
      const isThere = snapshots.some(({ name }) => name === token);
      if (isThere) await place.pyro.deleteSnapshot(id, token);
      return answer.result !== undefined && !isThere ? "no such snapshot" : undefined;
    },
  },
  export: {
    method: "exportWorkspace",
    given: ({ place, id }, token) => [id, patched, { outputPath: place.path(token) }],
    judge: async ({ place, kept }, { token, answer }) => {
      const isThere = existsSync(place.path(token));
      if (answer.result !== undefined && !isThere) return "nothing was exported";
      const text = isThere ? readFileSync(place.path(token), "utf8") : undefined;
      return text === undefined || text === kept.text(patched) ? undefined : "another content";
    },
  },
  stop: {
    method: "stopWorkspace",
    given: ({ id }) => [id],
    // Whoever came before us has started it again.
    judge: async (_ground, { answer: { result } }) =>
      result === undefined || result.state === "stopped" ? undefined : `it is ${result.state}`,
  },
  create: {
    method: "createWorkspace",
    given: (_ground, token) => [{ environment: baseEnvironment, name: token }],
    judge: async ({ place }, { token, answer }) => {
      const { workspaces } = await place.pyro.listWorkspaces();
      const made = workspaces.find(({ name }) => name === token);
      if (made !== undefined) await place.pyro.deleteWorkspace(token);
      return answer.result !== undefined && made === undefined ? "no such workspace" : undefined;
    },
  },
};
