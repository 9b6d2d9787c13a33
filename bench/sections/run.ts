import { type Baselines, makeBaselines } from "../baselines.ts";
import { type Bench, environment, pyro } from "../bench.ts";
import { atMost, type Figure, latency, notMeasured } from "../figure.ts";
import { between, parseTrace, type RunTrace, reached, wasRestored } from "../run-trace.ts";
import type { Measured, Section } from "../section.ts";
import { median } from "../statistics.ts";
import { type Program, runTimed, type TimedRun } from "../timed-process.ts";

const command = ["git", "--version"];

const targets = {
  run: atMost(280, 200),
  versusRunsc: atMost(1.5),
  agentAnswers: atMost(80),
};

/** The phases of a restored run, in order; before the first comes Node's own start. */
const phases = ["ready", "process", "attached", "activated", "finished", "gone", "end"];

/** A restored run as a whole process, alternating with other sandboxes around the same root. */
export const run: Section = {
  name: "run",
  title: "pyro run restored, by phase, beside bwrap and runsc on the same root",
  measure,
};

/** One way to run the command. */
interface Contender {
  readonly name: "pyro" | "bwrap" | "runsc";
  readonly program: () => Program | Promise<Program>;
  readonly runs: TimedRun[];
  /** Why it takes no further part. */
  failure?: string;
}

async function measure(bench: Bench): Promise<Measured> {
  bench.progress("run: exporting the root for bwrap and runsc");
  await using baselines = await makeBaselines(bench);
  const contenders = line(bench, baselines);
  const { warmUps, restoredRuns } = bench.counts;
  for (let round = 0; round < warmUps + restoredRuns; round++) {
    if (round % 10 === 0) bench.progress(`run: ${round} of ${warmUps + restoredRuns}`);
    // Each goes first equally often, so that none always follows the same neighbour.
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length]);
    for (const contender of order) {
      if (contender !== undefined)
        await take(contender, { keep: round >= warmUps, signal: bench.signal });
    }
  }
  return report(contenders);
}

function line(bench: Bench, baselines: Baselines): Contender[] {
  const pyroRun = pyro(bench.config, "run", environment, "--", ...command);
  return [
    { name: "pyro", program: () => pyroRun, runs: [] },
    { name: "bwrap", program: () => baselines.bwrap(command), runs: [] },
    { name: "runsc", program: () => baselines.runsc(command), runs: [] },
  ];
}

async function take(
  contender: Contender,
  { keep, signal }: { keep: boolean; signal: AbortSignal },
): Promise<void> {
  if (contender.failure !== undefined) return;
  try {
    const done = await runTimed(await contender.program(), signal);
    if (!done.stdout.startsWith("git version")) throw new Error(`git said: ${done.stdout}`);
    if (keep) contender.runs.push(done);
  } catch (error) {
    signal.throwIfAborted();
    // A baseline that does not work here costs its ratio and nothing else.
    if (contender.name === "pyro") throw error;
    contender.failure = error instanceof Error ? error.message : String(error);
  }
}

function report(contenders: readonly Contender[]): Measured {
  const walls = (name: Contender["name"]) =>
    contenders.find((one) => one.name === name)?.runs.map(({ wallMs }) => wallMs) ?? [];
  const failure = (name: Contender["name"]) => contenders.find((one) => one.name === name)?.failure;
  const pyroRuns = contenders.find(({ name }) => name === "pyro")?.runs ?? [];
  const traced = pyroRuns.map(({ stderr, wallMs }) => ({ trace: parseTrace(stderr), wallMs }));
  const restored = traced.filter(({ trace }) => wasRestored(trace));
  if (restored.length === 0) throw new Error("No run was restored from a template.");
  const samples = {
    pyroMs: restored.map(({ wallMs }) => wallMs),
    bwrapMs: walls("bwrap"),
    runscMs: walls("runsc"),
  };
  return {
    figures: [
      latency("run, restored", samples.pyroMs, targets.run),
      ...misses(traced.length - restored.length),
      ...phaseFigures(restored),
      latency(
        "restore → agent answers (ready → attached)",
        restored.map(({ trace }) => between(trace, "ready", "attached")),
        targets.agentAnswers,
      ),
      baseline("bwrap", samples.bwrapMs, failure("bwrap")),
      baseline("runsc", samples.runscMs, failure("runsc")),
      ratio("bwrap", samples.pyroMs, samples.bwrapMs),
      ratio("runsc", samples.pyroMs, samples.runscMs),
    ],
    samples,
  };
}

/** Runs that found no usable template are no restored runs, and are not hidden either. */
function misses(count: number): Figure[] {
  if (count === 0) return [];
  const note = "found no template and booted; not among the above";
  return [{ name: "  runs that were not restored", value: count, unit: "", note }];
}

function phaseFigures(runs: readonly { trace: RunTrace; wallMs: number }[]): Figure[] {
  const steps = phases.map((phase, index) => {
    const before = phases[index - 1];
    const samples = runs.map(({ trace }) =>
      before === undefined ? reached(trace, phase) : between(trace, before, phase),
    );
    return latency(`  ${before ?? "start-up"} → ${phase}`, samples);
  });
  const outside = runs.map(({ trace, wallMs }) => wallMs - reached(trace, "end"));
  return [...steps, latency("  before start-up and after end", outside)];
}

function baseline(name: string, samples: readonly number[], failure: string | undefined): Figure {
  const title = `${name}, same command and root`;
  return samples.length === 0 || failure !== undefined
    ? notMeasured(title, failure ?? "no runs")
    : latency(title, samples);
}

function ratio(name: "bwrap" | "runsc", own: readonly number[], other: readonly number[]): Figure {
  const title = `run, restored / ${name}`;
  const target = name === "runsc" ? targets.versusRunsc : undefined;
  if (other.length === 0) return notMeasured(title, `${name} was not measured`, target);
  const value = median(own) / median(other);
  return { name: title, value, unit: "×", note: "p50 / p50, alternating", target };
}
