import { runInVm } from "../../src/workspace/vms/run-in-vm.ts";
import { type Bench, environment } from "../bench.ts";
import { atMost, type Figure, latency } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { median } from "../statistics.ts";
import { timeOf } from "../time.ts";
import { type Fleet, makeFleet } from "../workspaces.ts";

/** What it takes to have a workspace, and to be rid of it. */
export const workspaceCreate: Section = {
  name: "workspace-create",
  title: "workspaces without a seed: created, first command, stopped, started, deleted",
  measure,
};

const steps = ["create", "firstExec", "stop", "start", "delete", "oneShot"] as const;
type Timings = Record<(typeof steps)[number], number>;

async function measure(bench: Bench): Promise<Measured> {
  await using fleet = await makeFleet(bench);
  const rounds: Timings[] = [];
  for (let round = 0; round < bench.counts.warmUps + bench.counts.workspaceCreates; round++) {
    bench.signal.throwIfAborted();
    const timings = await measureRound(bench, fleet);
    if (round >= bench.counts.warmUps) rounds.push(timings);
  }
  const ms = (step: keyof Timings) => rounds.map((timings) => timings[step]);
  return {
    figures: [
      latency("createWorkspace, no seed", ms("create"), atMost(350)),
      ratio(ms("create"), ms("oneShot")),
      latency("  first exec after it (waits for its supervisor)", ms("firstExec")),
      latency("stopWorkspace", ms("stop")),
      latency("startWorkspace", ms("start")),
      latency("deleteWorkspace, running", ms("delete")),
    ],
    samples: Object.fromEntries(steps.map((step) => [`${step}Ms`, ms(step)])),
  };
}

async function measureRound({ engine, signal }: Bench, { pyro }: Fleet): Promise<Timings> {
  let id = "";
  const exec = () => pyro.execWorkspace(id, { command: ["true"] });
  const create = await timeOf(async () => {
    id = (await pyro.createWorkspace({ environment, signal })).workspaceId;
  });
  return {
    create,
    firstExec: await timeOf(exec),
    stop: await timeOf(() => pyro.stopWorkspace(id)),
    start: await timeOf(() => pyro.startWorkspace(id)),
    delete: await timeOf(() => pyro.deleteWorkspace(id)),
    oneShot: await timeOf(() => runInVm(engine.host, { environment, command: ["true"], signal })),
  };
}

function ratio(createMs: readonly number[], oneShotMs: readonly number[]): Figure {
  return {
    name: "  beside runInVm of true, alternating",
    value: median(createMs) / median(oneShotMs),
    unit: "×",
    note: "p50 / p50",
  };
}
