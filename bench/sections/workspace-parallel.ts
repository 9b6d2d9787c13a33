import { fileURLToPath } from "node:url";
import { type Bench, environment, pyroEnvironment } from "../bench.ts";
import { atLeast } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { runTimed } from "../timed-process.ts";
import { makeFleet } from "../workspaces.ts";

const program = fileURLToPath(new URL("../programs/exec-client.mjs", import.meta.url));
const clients = 4;
const parallel = 16;

/** Whether commands that run at the same time stay apart. */
export const workspaceParallel: Section = {
  name: "workspace-parallel",
  title: `${clients * parallel} commands at a time in one workspace, from ${clients} processes`,
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  const { config, counts, signal } = bench;
  await using fleet = await makeFleet(bench);
  const { workspaceId } = await fleet.pyro.createWorkspace({ environment, signal });
  const each = counts.parallelExecs / clients;
  const env = pyroEnvironment(config);
  const runs = await Promise.all(
    Array.from({ length: clients }, (_, client) => {
      const args = [program, workspaceId, String(each), String(parallel), String(client)];
      const node = ["--disable-warning=ExperimentalWarning", ...args];
      return runTimed({ command: process.execPath, args: node, env }, signal);
    }),
  );
  const answers = runs.map(
    ({ stdout }) => JSON.parse(stdout) as { right: number; wrong: string[] },
  );
  const wrong = answers.flatMap((answer) => answer.wrong);
  if (wrong.length > 0) bench.progress(`wrong: ${wrong.join("\n")}`);
  const right = answers.reduce((sum, answer) => sum + answer.right, 0);
  const slowestMs = Math.max(...runs.map(({ wallMs }) => wallMs));
  const { workspaces } = await fleet.pyro.listWorkspaces();
  return {
    figures: [
      {
        name: "commands with the right exit code and bytes",
        value: right,
        unit: "",
        note: `of ${counts.parallelExecs}, ${clients * parallel} at a time`,
        target: atLeast(counts.parallelExecs),
      },
      {
        name: "commands in the journal",
        value: workspaces[0]?.commandCount,
        unit: "",
        note: "",
        target: atLeast(counts.parallelExecs),
      },
      {
        name: "  commands a second",
        value: counts.parallelExecs / (slowestMs / 1000),
        unit: "",
        note: "with the start of the processes",
      },
    ],
    samples: { wallMs: runs.map(({ wallMs }) => wallMs) },
  };
}
