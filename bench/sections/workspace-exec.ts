import { type Bench, environment } from "../bench.ts";
import { atMost, type Figure, latency } from "../figure.ts";
import { startGuest } from "../guest.ts";
import type { Measured, Section } from "../section.ts";
import { median, quantile } from "../statistics.ts";
import { timeOf } from "../time.ts";
import { makeFleet } from "../workspaces.ts";

const timeoutMs = 10_000;
const warmUpsFactor = 10;

/** Round trips through a workspace's supervisor. */
export const workspaceExec: Section = {
  name: "workspace-exec",
  title: "exec of true in a workspace, beside the same without a supervisor",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using guest = await startGuest(bench);
  await using fleet = await makeFleet(bench);
  const { pyro } = fleet;
  const { workspaceId } = await pyro.createWorkspace({ environment, signal: bench.signal });
  const supervisedMs: number[] = [];
  const directMs: number[] = [];
  const warmUps = bench.counts.warmUps * warmUpsFactor;
  for (let round = 0; round < warmUps + bench.counts.execRoundTrips; round++) {
    bench.signal.throwIfAborted();
    const supervised = await timeOf(async () => {
      const { exitCode } = await pyro.execWorkspace(workspaceId, { command: ["true"] });
      if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`);
    });
    const direct = await timeOf(() => guest.client.exec({ command: ["true"], timeoutMs }));
    if (round < warmUps) continue;
    supervisedMs.push(supervised);
    directMs.push(direct);
  }
  return {
    figures: [
      latency("execWorkspace of true", supervisedMs, atMost(20)),
      tail(supervisedMs),
      latency("  in a VM without supervisor and journal, alternating", directMs),
      {
        name: "  ratio",
        value: median(supervisedMs) / median(directMs),
        unit: "×",
        note: "p50 / p50",
      },
    ],
    samples: { supervisedMs, directMs },
  };
}

function tail(samples: readonly number[]): Figure {
  return {
    name: "execWorkspace of true, p95",
    value: quantile(samples, 0.95),
    unit: "ms",
    note: `n ${samples.length}`,
    target: atMost(45),
  };
}
