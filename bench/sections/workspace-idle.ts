import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, environment } from "../bench.ts";
import { atLeast, atMost, type Figure, round, type Target } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { summarise } from "../statistics.ts";
import { type Fleet, makeFleet, memoryOf, type WorkspaceMemory } from "../workspaces.ts";

const settleMs = 3000;
const supervisorTarget: Target = { direction: "at most", limit: 35 };

/** What many workspaces cost that live side by side. */
export const workspaceIdle: Section = {
  name: "workspace-idle",
  title: "many workspaces alive at once: do they answer, what memory do they take",
  measure,
};

async function measure(bench: Bench): Promise<Measured> {
  const count = bench.counts.workspacesAlive;
  await using fleet = await makeFleet(bench);
  const first = await createAnswering(bench, fleet);
  await sleep(settleMs, undefined, { signal: bench.signal });
  const alone = memoryOf(bench, first);
  const ids = [first];
  bench.progress(`workspace-idle: creating ${count} workspaces`);
  while (ids.length < count) ids.push(await createAnswering(bench, fleet));
  await sleep(settleMs, undefined, { signal: bench.signal });
  const memories = ids.map((id) => memoryOf(bench, id));
  const answering = await countAnswering(fleet, ids);
  const totalMib = memories.map((one) => one.monitorMib + one.supervisorMib);
  const supervisorMib = memories.map((one) => one.supervisorMib);
  const monitorMib = memories.map((one) => one.monitorMib);
  const jailMib = memories.map((one) => one.jailMib);
  return {
    figures: [
      {
        name: `workspaces of ${count} that answer`,
        value: answering,
        unit: "",
        note: "each its own id",
        target: atLeast(count),
      },
      most(`memory of each of ${count}, monitor and supervisor`, totalMib, atMost(110)),
      most("  monitor", monitorMib),
      most("  supervisor", supervisorMib, supervisorTarget),
      most("  jail and guardian besides", jailMib),
      ...aloneFigures(alone),
    ],
    samples: { totalMib, monitorMib, supervisorMib, jailMib },
  };
}

async function createAnswering({ signal }: Bench, { pyro }: Fleet): Promise<string> {
  const { workspaceId } = await pyro.createWorkspace({ environment, signal });
  const { exitCode } = await pyro.execWorkspace(workspaceId, {
    command: ["sh", "-c", 'hostname > "$PWD/name"'],
  });
  if (exitCode !== 0) throw new Error(`${workspaceId} answered with ${exitCode}.`);
  return workspaceId;
}

/** How many still have what they wrote, all asked at the same time. */
async function countAnswering({ pyro }: Fleet, ids: readonly string[]): Promise<number> {
  const answers = await Promise.all(
    ids.map((id) => pyro.execWorkspace(id, { command: ["cat", "name"] })),
  );
  return answers.filter(({ stdout }, index) => stdout === `${ids[index]}\n`).length;
}

function aloneFigures({ monitorMib, supervisorMib }: WorkspaceMemory): Figure[] {
  const figure = (name: string, value: number, target?: Target): Figure => ({
    name,
    value,
    unit: "MiB",
    note: "nothing to share pages with",
    target,
  });
  return [
    figure("monitor of a workspace alone", monitorMib),
    figure("supervisor of a workspace alone", supervisorMib),
  ];
}

/** "Each" is what the target says, so the worst counts. */
function most(name: string, samples: readonly number[], target?: Target): Figure {
  const { p50, max, count } = summarise(samples);
  return { name, value: max, unit: "MiB", note: `most of ${count}; p50 ${round(p50)}`, target };
}
