import type { Bench } from "../bench.ts";
import { atMost, latency } from "../figure.ts";
import { type Guest, startGuest } from "../guest.ts";
import type { Measured, Section } from "../section.ts";
import { timeOf } from "../time.ts";

const timeoutMs = 10_000;
const warmUpsFactor = 10;

/** Round trips over the channel to one running guest. */
export const exec: Section = {
  name: "exec",
  title: "round trips on a running VM: exec of true, health",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using guest = await startGuest(bench);
  const trueMs: number[] = [];
  const healthMs: number[] = [];
  const warmUps = bench.counts.warmUps * warmUpsFactor;
  for (let round = 0; round < warmUps + bench.counts.execRoundTrips; round++) {
    bench.signal.throwIfAborted();
    const [ran, asked] = [
      await timeOf(() => runTrue(guest)),
      await timeOf(() => guest.client.health()),
    ];
    if (round < warmUps) continue;
    trueMs.push(ran);
    healthMs.push(asked);
  }
  return {
    figures: [
      latency("exec of true, running VM", trueMs, atMost(12)),
      latency("health, running VM", healthMs),
    ],
    samples: { trueMs, healthMs },
  };
}

async function runTrue({ client }: Guest): Promise<void> {
  const outcome = await client.exec({ command: ["true"], timeoutMs });
  if (outcome.kind !== "exited" || outcome.exitCode !== 0)
    throw new Error(`true ended as ${JSON.stringify(outcome)}`);
}
