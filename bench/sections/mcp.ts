import { setTimeout as sleep } from "node:timers/promises";
import { countTokens } from "gpt-tokenizer/esm/encoding/o200k_base";
import { type ProfileName, profileNames } from "../../src/mcp/profiles.ts";
import { type Bench, environment } from "../bench.ts";
import { atMost, type Figure, latency, round, type Target } from "../figure.ts";
import { openServer } from "../mcp-server.ts";
import { proportionalMib } from "../process-usage.ts";
import type { Measured, Section } from "../section.ts";
import { summarise } from "../statistics.ts";
import { timeOf } from "../time.ts";
import { makeFleet } from "../workspaces.ts";

const settleMs = 2000;
const tokenLimits: Record<ProfileName, number> = {
  "vm-run": 300,
  "workspace-core": 3000,
  "workspace-full": 7500,
};

/** The tools as a coding agent calls them: through the protocol, in a server process of its own. */
export const mcp: Section = {
  name: "mcp",
  title: "the MCP server: start, vm_run, workspace_exec, memory, tokens of its tools",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  // The server's workspaces are deleted with the fleet, which shares its state directory.
  await using fleet = await makeFleet(bench);
  const startMs = await starts(bench);
  await using server = await openServer(bench, "workspace-full");
  await sleep(settleMs, undefined, { signal: bench.signal });
  const idleMib = proportionalMib(server.pid);
  const { workspaceId } = await fleet.pyro.createWorkspace({ environment, signal: bench.signal });
  const runMs: number[] = [];
  const execMs: number[] = [];
  const { warmUps, mcpCalls } = bench.counts;
  for (let call = 0; call < warmUps + mcpCalls; call++) {
    bench.signal.throwIfAborted();
    const run = await timeOf(() => server.call("vm_run", { command: "git --version" }));
    const command = { workspace_id: workspaceId, command: ["true"] };
    const exec = await timeOf(() => server.call("workspace_exec", command));
    if (call < warmUps) continue;
    runMs.push(run);
    execMs.push(exec);
  }
  return {
    figures: [
      ...spread("spawn to tools/list", startMs, atMost(250)),
      ...spread("vm_run of git --version, call to result", runMs),
      ...spread("workspace_exec of true, call to result", execMs),
      {
        name: "memory of an idle server",
        value: idleMib,
        unit: "MiB",
        note: "PSS, engine not loaded",
      },
      {
        name: "  after its calls",
        value: proportionalMib(server.pid),
        unit: "MiB",
        note: "PSS",
      },
      ...(await tokenFigures(bench)),
    ],
    samples: { startMs, runMs, execMs },
  };
}

/** The median with its spread, and what is promised of it. */
function spread(name: string, samples: readonly number[], target?: Target): Figure[] {
  const { p95, p99, count } = summarise(samples);
  const median = latency(name, samples, target);
  return [{ ...median, note: `p50; p95 ${round(p95)}, p99 ${round(p99)}, n ${count}` }];
}

async function starts(bench: Bench): Promise<number[]> {
  const samples: number[] = [];
  for (let start = 0; start < bench.counts.warmUps + bench.counts.cliStarts; start++) {
    bench.signal.throwIfAborted();
    const startedAt = performance.now();
    await using server = await openServer(bench, "workspace-full");
    await server.listTools();
    if (start >= bench.counts.warmUps) samples.push(performance.now() - startedAt);
  }
  return samples;
}

/** What each profile costs a model: names, descriptions and inputs, as OpenAI's o200k counts. */
async function tokenFigures(bench: Bench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const profile of profileNames) {
    await using server = await openServer(bench, profile);
    const tools = await server.listTools();
    const tokens = tools.map(({ name, description, inputSchema }) =>
      countTokens(JSON.stringify({ name, description, inputSchema })),
    );
    figures.push({
      name: `tokens of ${profile}`,
      value: tokens.reduce((sum, count) => sum + count, 0),
      unit: "",
      note: `${tokens.length} tools, most ${Math.max(...tokens)}`,
      target: atMost(tokenLimits[profile]),
    });
  }
  return figures;
}
