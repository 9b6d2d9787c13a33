import { type Bench, environment, pyro } from "../bench.ts";
import { type ColdCache, makeColdCache } from "../cold-cache.ts";
import { atLeast } from "../figure.ts";
import { parseTrace, reached } from "../run-trace.ts";
import type { Measured, Section } from "../section.ts";
import { summarise } from "../statistics.ts";
import { runTimed } from "../timed-process.ts";

const guestCount = 8;
const command = ["echo", "ready"];

/** As many runs as one host gets at once, none of which finds a template. */
export const coldGuests: Section = {
  name: "cold-guests",
  title: `${guestCount} VMs booted at once, without a template`,
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using cache = await makeColdCache(bench);
  const { coldRounds } = bench.counts;
  const roundSeconds: number[] = [];
  const failures: string[] = [];
  let [ready, booted] = [0, 0];
  for (let round = 0; round < coldRounds; round++) {
    bench.progress(`cold guests: round ${round + 1} of ${coldRounds}`);
    await cache.forgetTemplates();
    const startedAt = performance.now();
    const ends = await Promise.allSettled(
      Array.from({ length: guestCount }, () => runOne(bench, cache)),
    );
    bench.signal.throwIfAborted();
    roundSeconds.push((performance.now() - startedAt) / 1000);
    for (const end of ends) {
      if (end.status === "rejected") failures.push(String(end.reason).slice(0, 300));
      else ready++;
      if (end.status === "fulfilled" && end.value.booted) booted++;
    }
  }
  const all = guestCount * coldRounds;
  const name = `${guestCount} VMs booted at once, ready`;
  const note = `of ${all}; ${booted} booted${failures[0] ? `; first failure: ${failures[0]}` : ""}`;
  const { p50, max } = summarise(roundSeconds);
  return {
    figures: [
      { name, value: ready, unit: "", note, target: atLeast(all) },
      {
        name: "  time until the last was done and gone",
        value: p50,
        unit: "s",
        note: `p50 of ${coldRounds} rounds; max ${max.toFixed(1)}`,
      },
    ],
    samples: { roundSeconds },
  };
}

async function runOne({ signal }: Bench, { config }: ColdCache): Promise<{ booted: boolean }> {
  const program = pyro(config, "run", environment, "--", ...command);
  const { stdout, stderr } = await runTimed(program, signal);
  if (stdout !== "ready\n") throw new Error(`The guest said: ${stdout.slice(0, 100)}`);
  const trace = parseTrace(stderr);
  reached(trace, "activated");
  return { booted: trace.has("booted") };
}
