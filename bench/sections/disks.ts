import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Bench, environment } from "../bench.ts";
import { atMost, latency } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { timeOf } from "../time.ts";
import { makeFleet } from "../workspaces.ts";

/** Looking into a workspace that does not run, with a machine that is started for each look. */
export const disks: Section = {
  name: "disks",
  title: "the disk of a stopped workspace, looked at by a throwaway machine",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  await using fleet = await makeFleet(bench);
  const { pyro } = fleet;
  const { workspaceId: id } = await pyro.createWorkspace({ environment, signal: bench.signal });
  await pyro.execWorkspace(id, { command: ["sh", "-c", "seq 1000 > numbers; mkdir -p a/b"] });
  await pyro.stopWorkspace(id);
  const calls = {
    list: () => pyro.listWorkspaceDisk(id),
    read: () => pyro.readWorkspaceDisk(id, "numbers"),
    start: () => pyro.startWorkspace(id).then(() => pyro.stopWorkspace(id)),
  };
  const ms: Record<keyof typeof calls, number[]> = { list: [], read: [], start: [] };
  for (let round = 0; round < bench.counts.warmUps + bench.counts.diskLooks; round++) {
    bench.signal.throwIfAborted();
    for (const [name, call] of Object.entries(calls) as [keyof typeof calls, typeof calls.list][]) {
      const took = await timeOf(call);
      if (round >= bench.counts.warmUps) ms[name].push(took);
    }
  }
  const outputPath = join(bench.workDirectory, "exported.ext4");
  const { signal } = bench;
  const exportMs = await timeOf(() => pyro.exportWorkspaceDisk(id, { outputPath, signal }));
  rmSync(outputPath);
  return {
    figures: [
      latency("listWorkspaceDisk", ms.list, atMost(600)),
      latency("readWorkspaceDisk", ms.read),
      latency("  starting and stopping the workspace instead, alternating", ms.start),
      { name: "exportWorkspaceDisk", value: exportMs / 1000, unit: "s", note: "n 1" },
    ],
    samples: { listMs: ms.list, readMs: ms.read, startMs: ms.start, exportMs: [exportMs] },
  };
}
