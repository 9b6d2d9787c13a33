import { type Bench, environment, pyro } from "../bench.ts";
import { type ColdCache, makeColdCache } from "../cold-cache.ts";
import { latency } from "../figure.ts";
import { between, parseTrace, type RunTrace, reached, wasRestored } from "../run-trace.ts";
import type { Measured, Section } from "../section.ts";
import { runTimed } from "../timed-process.ts";

const command = ["git", "--version"];

/** The first runs of a machine's life: without a template, and with one that is new or not in memory. */
export const coldRun: Section = {
  name: "cold-run",
  title: "pyro run without a template, and the first runs with one",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using cache = await makeColdCache(bench);
  const series = { cold: [] as number[], first: [] as number[], fromDisk: [] as number[] };
  const booted: number[] = [];
  const prepared: number[] = [];
  for (let round = 0; round < bench.counts.coldRuns; round++) {
    bench.progress(`cold runs: ${round + 1} of ${bench.counts.coldRuns}`);
    await cache.forgetTemplates();
    const cold = await run(bench, cache);
    if (wasRestored(cold.trace)) throw new Error("A run without a template was restored.");
    series.cold.push(cold.wallMs);
    booted.push(between(cold.trace, "ready", "booted"));
    prepared.push(between(cold.trace, "booted", "saved"));
    series.first.push(await restoredRun(bench, cache));
    await cache.evictTemplates();
    series.fromDisk.push(await restoredRun(bench, cache));
  }
  return {
    figures: [
      latency("run, cold boot (boots, saves, restores)", series.cold),
      latency("  of it: ready → booted", booted),
      latency("  of it: booted → template saved", prepared),
      latency("run, first restored", series.first),
      latency("run, restored, template not in memory", series.fromDisk),
    ],
    samples: { coldMs: series.cold, firstMs: series.first, fromDiskMs: series.fromDisk },
  };
}

async function restoredRun(bench: Bench, cache: ColdCache): Promise<number> {
  const { trace, wallMs } = await run(bench, cache);
  if (!wasRestored(trace)) throw new Error("A run with a template was not restored.");
  return wallMs;
}

async function run(
  { signal }: Bench,
  { config }: ColdCache,
): Promise<{ trace: RunTrace; wallMs: number }> {
  const program = pyro(config, "run", environment, "--", ...command);
  const { stdout, stderr, wallMs } = await runTimed(program, signal);
  if (!stdout.startsWith("git version")) throw new Error(`git said: ${stdout}`);
  const trace = parseTrace(stderr);
  reached(trace, "finished");
  return { trace, wallMs };
}
