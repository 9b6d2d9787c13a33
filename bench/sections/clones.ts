import { compose } from "../../src/compose.ts";
import { startTrace } from "../../src/platform/trace.ts";
import { runInVm } from "../../src/workspace/vms/run-in-vm.ts";
import { type Bench, environment } from "../bench.ts";
import { atLeast, type Figure, round } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { summarise } from "../statistics.ts";

const clockErrorMsMax = 1000;
const script = "od -An -v -tx1 -N16 /dev/urandom; cat /etc/machine-id; date +%s.%N";

/** Whether machines resumed from one template are machines of their own. */
export const clones: Section = {
  name: "clones",
  title: "VMs restored from one template: own randomness, own identity, right time",
  measure,
};

interface Clone {
  /** The first bytes out of /dev/urandom. */
  readonly random: string;
  readonly machineId: string;
  /** Host's time when the guest's answer came, less the guest's. */
  readonly clockErrorMs: number;
}

async function measure(bench: Bench): Promise<Measured> {
  const all: Clone[] = [];
  for (let index = 0; index < bench.counts.clones; index++) {
    if (index % 10 === 0) bench.progress(`clones: ${index} of ${bench.counts.clones}`);
    all.push(await askClone(bench));
  }
  const clockErrorMs = all.map((clone) => clone.clockErrorMs);
  const furthest = summarise(clockErrorMs.map(Math.abs)).max;
  const onTime = clockErrorMs.filter((error) => Math.abs(error) <= clockErrorMsMax).length;
  const count = all.length;
  return {
    figures: [
      share(
        "clones with randomness of their own",
        distinct(all.map(({ random }) => random)),
        count,
      ),
      share("clones with a machine-id of their own", distinct(all.map((c) => c.machineId)), count),
      share("clones with the clock within 1 s", onTime, count, `; furthest ${round(furthest)} ms`),
    ],
    samples: { clockErrorMs },
  };
}

async function askClone({ config, signal }: Bench): Promise<Clone> {
  const trace = startTrace();
  const { host } = compose(config, trace);
  let output = "";
  let heardAt = 0;
  const { exitCode } = await runInVm(host, {
    environment,
    command: ["sh", "-c", script],
    onStdout: (chunk) => {
      heardAt = Date.now();
      output += chunk.toString("latin1");
    },
    signal,
  });
  const restored = !trace.phases.some(({ phase }) => phase === "booted");
  if (exitCode !== 0 || !restored)
    throw new Error(`A clone ended with ${exitCode}, restored: ${restored}.`);
  const [random = "", machineId = "", time = ""] = output.trim().split("\n");
  if (!/^( ?[0-9a-f]{2}){16}$/.test(random) || !/^[0-9a-f]{32}$/.test(machineId))
    throw new Error(`A clone said: ${output.slice(0, 200)}`);
  return { random, machineId, clockErrorMs: heardAt - Number(time) * 1000 };
}

/** How many values nobody else has. */
function distinct(values: readonly string[]): number {
  const seen = new Map<string, number>();
  for (const value of values) seen.set(value, (seen.get(value) ?? 0) + 1);
  return values.filter((value) => seen.get(value) === 1).length;
}

function share(name: string, value: number, count: number, more = ""): Figure {
  return { name, value, unit: "", note: `of ${count}${more}`, target: atLeast(count) };
}
