import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defaults } from "../../src/model/limits.ts";
import { commandLinePaths } from "../../src/workspace/standby/command-line.ts";
import { keepStandbys } from "../../src/workspace/standby/keep-standbys.ts";
import { type Baselines, makeBaselines } from "../baselines.ts";
import { type Bench, environment, pyro } from "../bench.ts";
import { atMost, type Figure, latency, type Target } from "../figure.ts";
import { openServer, type Server } from "../mcp-server.ts";
import { parentPid, processorSeconds, proportionalMib } from "../process-usage.ts";
import { between, parseTrace, reached } from "../run-trace.ts";
import type { Measured, Section } from "../section.ts";
import { median, summarise } from "../statistics.ts";
import { time, timeOf } from "../time.ts";
import { type Program, runTimed, type TimedRun } from "../timed-process.ts";
import { makeFleet, spareSupervisorPid } from "../workspaces.ts";

const command = ["git", "--version"];
/** How long a machine is watched that waits. */
const watchSeconds = 30;
const phases = ["ready", "claimed", "attached", "activated", "finished", "gone", "end"];

/** What a first command costs where a machine waits for it, in turns with runsc, and what waiting costs. */
export const standby: Section = {
  name: "standby",
  title: "the same with a machine that waits, beside runsc on the same root",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  bench.progress("standby: exporting the root for runsc");
  await using baselines = await makeBaselines(bench);
  await using _fleet = await makeFleet(bench);
  // It keeps what agents find waiting for them, a supervisor too.
  const keeping = { PYRO_STANDBY: "" };
  await using server = await openServer(bench, "workspace-full", bench.workDirectory, keeping);
  const { workspace_id } = await server.call("workspace_create", {});
  await server.call("workspace_delete", { workspace_id });
  const samples: Record<string, number[]> = {};
  const keep = (name: string, value: number) => {
    samples[name] ??= [];
    samples[name].push(value);
  };
  const { warmUps, restoredRuns } = bench.counts;
  for (let round = 0; round < warmUps + restoredRuns; round++) {
    if (round % 10 === 0) bench.progress(`standby: ${round} of ${warmUps + restoredRuns}`);
    const figures = await turn(bench, baselines, server);
    if (round >= warmUps) for (const [name, value] of Object.entries(figures)) keep(name, value);
  }
  await untilSupervisorWaits(bench);
  const supervisorMib = proportionalMib(spareSupervisorPid(bench) ?? 0);
  const cost = await costOfWaiting(bench);
  const supervisor: Figure = {
    name: "memory of a supervisor that waits",
    value: supervisorMib,
    unit: "MiB",
    note: "proportional",
  };
  return {
    figures: [...ratios(samples), ...latencies(samples), ...cost.figures, supervisor],
    samples,
  };
}

/** Each once, one after the other; whatever is made ready is so before the clock runs. */
async function turn(
  bench: Bench,
  baselines: Baselines,
  server: Server,
): Promise<Record<string, number>> {
  await ready(bench);
  await untilSupervisorWaits(bench);
  const runsc = await runTimed(await baselines.runsc(command), bench.signal);
  await ready(bench);
  const run = await handedOver(bench, "run", environment, "--", ...command);
  const trace = parseTrace(run.stderr);
  await ready(bench);
  const vmRun = await timeOf(() => server.call("vm_run", { command: command.join(" ") }));
  await ready(bench);
  const created = await time(() => server.call("workspace_create", {}));
  const workspace_id = String(created.value.workspace_id);
  const exec = { workspace_id, command };
  const firstExec = await timeOf(() => server.call("workspace_exec", exec));
  const secondExec = await timeOf(() => server.call("workspace_exec", exec));
  const exited = await handedOver(bench, "workspace", "exec", workspace_id, "--", ...command);
  await server.call("workspace_delete", { workspace_id });
  const steps = phases.map((phase, index) => {
    const before = phases[index - 1];
    const ms = before === undefined ? reached(trace, phase) : between(trace, before, phase);
    return [`${before ?? "start-up"} → ${phase}`, ms] as const;
  });
  return {
    runsc: runsc.wallMs,
    run: run.wallMs,
    ...Object.fromEntries(steps),
    vmRun,
    workspaceCreate: created.ms,
    firstExec,
    secondExec,
    workspaceExec: exited.wallMs,
  };
}

/** The server begins to make it ready when its calls pause. */
async function untilSupervisorWaits(bench: Bench): Promise<void> {
  while (spareSupervisorPid(bench) === undefined)
    await sleep(100, undefined, { signal: bench.signal });
}

/** A command line as a whole process, run by one that waited for it. */
async function handedOver(bench: Bench, ...args: readonly string[]): Promise<TimedRun> {
  const { socket } = commandLinePaths(bench.engine.host.standbys);
  await runTimed(asUser(bench, "1", "workspace", "list"), bench.signal);
  while (!existsSync(socket)) await sleep(20, undefined, { signal: bench.signal });
  const timed = await runTimed(asUser(bench, "", ...args), bench.signal);
  if (existsSync(socket)) throw new Error(`A process of its own has run: ${args.join(" ")}`);
  return timed;
}

/** With `1`, another command line is loaded behind it; with nothing, none is. */
function asUser(bench: Bench, standby: "1" | "", ...args: readonly string[]): Program {
  const program = pyro(bench.config, ...args);
  return { ...program, env: { ...program.env, PYRO_STANDBY: standby } };
}

async function ready({ engine, signal }: Bench): Promise<void> {
  const { vcpuCount, memMib, cpu } = defaults;
  const spec = { environment, vcpuCount, memMib, cpu };
  const wish = { spec, count: 1, idleSeconds: 3600, keeper: "bench", signal };
  const heldBack = await keepStandbys(engine.host, wish);
  if (heldBack !== null) throw new Error(heldBack);
}

const titles: Record<string, readonly [title: string, target: Target | undefined]> = {
  run: ["pyro run, whole process", atMost(0.85)],
  vmRun: ["MCP vm_run, call to result", atMost(0.3)],
  workspaceCreate: ["MCP workspace_create without a project", atMost(0.35)],
  firstExec: ["the first workspace_exec after it", atMost(0.2)],
  secondExec: ["the second", undefined],
  workspaceExec: ["pyro workspace exec, whole process", atMost(0.5)],
};

function ratios(samples: Readonly<Record<string, readonly number[]>>): Figure[] {
  const runsc = median(samples.runsc ?? []);
  return Object.entries(titles).map(([name, [title, target]]) => {
    const { p50, p99, count } = summarise(samples[name] ?? []);
    const note = `p50 / p50; p99 ${(p99 / runsc).toFixed(2)} ×, n ${count}`;
    return { name: `${title} / runsc`, value: p50 / runsc, unit: "×", note, target };
  });
}

function latencies(samples: Readonly<Record<string, readonly number[]>>): Figure[] {
  return Object.entries(samples).map(([name, values]) =>
    latency(titles[name]?.[0] ?? `  ${name}`, values),
  );
}

async function costOfWaiting(bench: Bench): Promise<{ figures: Figure[] }> {
  await ready(bench);
  const { standbys } = bench.engine.host;
  const [standby] = standbys.list();
  if (standby === undefined) throw new Error("No machine waits.");
  const { pid } = standby.record.process;
  const jail = parentPid(pid);
  const pids = [pid, jail, parentPid(jail)];
  const used = () => pids.reduce((sum, one) => sum + processorSeconds(one), 0);
  bench.progress(`standby: watching one for ${watchSeconds} s`);
  await sleep(2_000, undefined, { signal: bench.signal });
  const before = used();
  await sleep(watchSeconds * 1000, undefined, { signal: bench.signal });
  const percent = ((used() - before) / watchSeconds) * 100;
  const mib = pids.reduce((sum, one) => sum + proportionalMib(one), 0);
  await standbys.endWaiting(() => true);
  const note = "monitor, jail and guardian";
  return {
    figures: [
      { name: "memory of one that waits", value: mib, unit: "MiB", note, target: atMost(50) },
      { name: "processor of one that waits", value: percent, unit: "%", note, target: atMost(0.6) },
    ],
  };
}
