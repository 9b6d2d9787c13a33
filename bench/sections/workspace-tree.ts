import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bench, environment, pyroEnvironment } from "../bench.ts";
import { atMost, type Figure, latency, round } from "../figure.ts";
import type { Measured, Section } from "../section.ts";
import { median } from "../statistics.ts";
import { timeOf } from "../time.ts";
import { runTimed } from "../timed-process.ts";
import { fileName, makeTree, type Tree } from "../tree.ts";
import { type Fleet, makeFleet } from "../workspaces.ts";

const program = fileURLToPath(new URL("../programs/create-workspace.mjs", import.meta.url));
const fileCount = 10_000;
const megabytes = 200;
const changeCount = 50;

/** What a tree of ordinary size takes. */
export const workspaceTree: Section = {
  name: "workspace-tree",
  title: `a tree of ${fileCount} files, ${megabytes} MB: seed, diff, snapshot, reset, export`,
  measure,
};

const steps = [
  "seed",
  "hostCopy",
  "diff",
  "scan",
  "snapshot",
  "again",
  "reset",
  "baseline",
  "export",
  "coldDiff",
  "coldExport",
  "warmExport",
] as const;
type Step = (typeof steps)[number];
type Round = Record<Step, number> & { readonly peakMib: number; readonly freezeMs: number };

async function measure(bench: Bench): Promise<Measured> {
  await using fleet = await makeFleet(bench);
  bench.progress("workspace-tree: writing the tree");
  const tree = makeTree(join(bench.workDirectory, "tree"), { fileCount, megabytes });
  const rounds: Round[] = [];
  for (let round = 0; round < bench.counts.treeRounds; round++) {
    bench.progress(`workspace-tree: round ${round + 1} of ${bench.counts.treeRounds}`);
    rounds.push(await measureRound(bench, fleet, tree));
  }
  const ms = (step: Step) => rounds.map((one) => one[step]);
  const seconds = (name: string, step: Step, limit?: number): Figure =>
    inSeconds(name, ms(step), limit);
  const peakMib = rounds.map((one) => one.peakMib);
  return {
    figures: [
      seconds(`createWorkspace with ${fileCount} files, ${megabytes} MB`, "seed", 6),
      inSeconds(
        "  of that: baseline captured from the frozen disk",
        rounds.map((one) => one.freezeMs),
      ),
      ratio("  beside tar | tar on the host", ms("seed"), ms("hostCopy")),
      {
        name: "  memory of the creating process",
        value: Math.max(...peakMib),
        unit: "MiB",
        note: `peak RSS, most of ${rounds.length}; p50 ${round(median(peakMib))}`,
        target: atMost(150),
      },
      seconds(`diff, ${changeCount} changes`, "diff", 1.5),
      ratio("  beside find -printf in the guest", ms("diff"), ms("scan")),
      seconds("snapshot after them", "snapshot", 5),
      seconds("  another one, nothing changed", "again"),
      seconds("reset to it", "reset", 5),
      seconds("reset to the baseline", "baseline", 5),
      seconds("export of all", "export"),
      seconds(`diff after stop and start, ${changeCount} changes`, "coldDiff"),
      seconds("export after stop and start", "coldExport"),
      seconds("  another one, all of it in the guest's memory", "warmExport"),
    ],
    samples: {
      ...Object.fromEntries(steps.map((step) => [`${step}Ms`, ms(step)])),
      peakMib,
    },
  };
}

async function measureRound(bench: Bench, { pyro }: Fleet, tree: Tree): Promise<Round> {
  const seeded = await createSeeded(bench, tree);
  const { workspaceId: id } = seeded;
  const sh = (script: string) =>
    pyro.execWorkspace(id, { command: ["sh", "-c", script], timeoutSeconds: 120 });
  const names = Array.from({ length: changeCount }, (_, index) =>
    fileName(index * (fileCount / changeCount)),
  );
  const change = () => sh(names.map((name) => `echo more >> ${name}`).join("\n"));
  await change();
  const diff = () =>
    timeOf(async () => {
      const { fileCount: changed } = await pyro.diffWorkspace(id);
      if (changed !== changeCount) throw new Error(`The diff has ${changed} files.`);
    });
  const outputPath = join(bench.workDirectory, "exported");
  const exportAll = async () => {
    const ms = await timeOf(() => pyro.exportWorkspace(id, "/workspace", { outputPath }));
    rmSync(outputPath, { recursive: true });
    return ms;
  };
  // Nothing of the tree is in the guest's memory afterwards.
  const restart = async () => {
    await pyro.stopWorkspace(id);
    await pyro.startWorkspace(id);
  };
  const timings = {
    seed: seeded.wallMs,
    freezeMs: seeded.wallMs - seeded.copiedMs,
    peakMib: seeded.peakMib,
    hostCopy: await timeOf(async () => copyOnHost(bench, tree)),
    diff: await diff(),
    scan: await timeOf(() => sh("find . -printf '%p %s %m %C@ %T@\\n' | wc -l")),
    snapshot: await timeOf(() => pyro.createSnapshot(id, "first")),
    again: await timeOf(() => pyro.createSnapshot(id, "second")),
    reset: await timeOf(() => pyro.resetWorkspace(id, { snapshot: "first" })),
    baseline: await timeOf(() => pyro.resetWorkspace(id)),
    export: await exportAll(),
    coldDiff: await change().then(restart).then(diff),
    coldExport: await restart().then(exportAll),
    warmExport: await exportAll(),
  };
  await pyro.deleteWorkspace(id);
  return timings;
}

interface Seeded {
  readonly workspaceId: string;
  readonly bytes: number;
  readonly wallMs: number;
  /** When the tree was in the guest and its baseline on the disk. */
  readonly copiedMs: number;
  readonly peakMib: number;
}

async function createSeeded({ config, signal }: Bench, tree: Tree): Promise<Seeded> {
  const options = JSON.stringify({ environment, seedPath: tree.path });
  // The flags of bin/pyro.
  const flags = ["--disable-warning=ExperimentalWarning", "--max-semi-space-size=4"];
  const args = [...flags, program, options];
  const env = pyroEnvironment(config);
  const { stdout } = await runTimed({ command: process.execPath, args, env }, signal);
  const seeded = JSON.parse(stdout) as Seeded;
  if (seeded.bytes !== tree.bytes) throw new Error(`${seeded.bytes} bytes were seeded.`);
  return seeded;
}

/** The least that moving such a tree takes here. */
function copyOnHost({ workDirectory }: Bench, tree: Tree): void {
  const target = join(workDirectory, "host-copy");
  mkdirSync(target);
  const script = 'tar -C "$1" -cf - . | tar -C "$2" -xf -';
  const { status } = spawnSync("sh", ["-c", script, "sh", tree.path, target]);
  if (status !== 0) throw new Error(`tar ended with ${status}.`);
  rmSync(target, { recursive: true });
}

function inSeconds(name: string, samplesMs: readonly number[], limit?: number): Figure {
  const { note } = latency(
    name,
    samplesMs.map((one) => one / 1000),
  );
  const target = limit === undefined ? undefined : atMost(limit);
  return { name, value: median(samplesMs) / 1000, unit: "s", note, target };
}

function ratio(name: string, a: readonly number[], b: readonly number[]): Figure {
  return { name, value: median(a) / median(b), unit: "×", note: "p50 / p50, same rounds" };
}
