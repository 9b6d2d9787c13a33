// Measures pyro on this host, prints a table and writes bench/results/<date>.json.
import { loadavg } from "node:os";
import { asPyroError } from "../src/model/errors.ts";
import { readConfig } from "../src/platform/config.ts";
import { type Bench, makeBench, prepare } from "./bench.ts";
import { notMeasured } from "./figure.ts";
import { abortOnSignals, Interrupted } from "./interrupt.ts";
import { describeMachine, machineLine } from "./machine-description.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { writeReport } from "./report.ts";
import type { Section, SectionReport } from "./section.ts";
import { cli } from "./sections/cli.ts";
import { clones } from "./sections/clones.ts";
import { coldGuests } from "./sections/cold-guests.ts";
import { coldRun } from "./sections/cold-run.ts";
import { disks } from "./sections/disks.ts";
import { exec } from "./sections/exec.ts";
import { floods } from "./sections/floods.ts";
import { idle } from "./sections/idle.ts";
import { ignoreRules } from "./sections/ignore-rules.ts";
import { mcp } from "./sections/mcp.ts";
import { network } from "./sections/network.ts";
import { run } from "./sections/run.ts";
import { services } from "./sections/services.ts";
import { shells } from "./sections/shells.ts";
import { standby } from "./sections/standby.ts";
import { throughput } from "./sections/throughput.ts";
import { workspaceCreate } from "./sections/workspace-create.ts";
import { workspaceExec } from "./sections/workspace-exec.ts";
import { workspaceIdle } from "./sections/workspace-idle.ts";
import { workspaceParallel } from "./sections/workspace-parallel.ts";
import { workspaceTree } from "./sections/workspace-tree.ts";
import { formatTable } from "./table.ts";
import { makeWorkDirectory } from "./work-directory.ts";

const sections: readonly Section[] = [
  cli,
  run,
  standby,
  coldRun,
  exec,
  throughput,
  idle,
  clones,
  coldGuests,
  workspaceCreate,
  workspaceExec,
  workspaceParallel,
  workspaceTree,
  services,
  shells,
  floods,
  disks,
  ignoreRules,
  workspaceIdle,
  mcp,
  network,
];

async function measureAll(options: BenchOptions): Promise<number> {
  const [startedAt, clockAt, loadBefore] = [new Date(), performance.now(), load()];
  const signal = abortOnSignals();
  await using work = await makeWorkDirectory(readConfig().cacheDirectory);
  const bench = makeBench({
    counts: options.counts,
    workDirectory: work.path,
    signal,
    progress: (text) => void process.stderr.write(`${text}\n`),
  });
  await prepare(bench);
  const machine = await describeMachine(bench);
  const reports: SectionReport[] = [];
  for (const section of options.sections) reports.push(await measureSection(section, bench));
  const seconds = (performance.now() - clockAt) / 1000;
  const loadAverage = { before: loadBefore, after: load() };
  const { quick } = options;
  const path = await writeReport({
    startedAt,
    seconds,
    quick,
    machine,
    loadAverage,
    sections: reports,
  });
  const loads = `load ${loadAverage.before} before, ${loadAverage.after} after`;
  process.stdout.write(
    `${machineLine(machine)}\n${seconds.toFixed(0)} s; ${loads}${quick ? "; QUICK: few measurements" : ""}\n\n${formatTable(reports)}\n\n${path}\n`,
  );
  return reports.some((report) => report.failure !== undefined) ? 1 : 0;
}

/** A section that fails is told in the report and does not cost the others. */
async function measureSection(section: Section, bench: Bench): Promise<SectionReport> {
  bench.progress(`${section.name}: ${section.title}`);
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  try {
    const measured = await section.measure(bench);
    return { section: section.name, ...measured, seconds: seconds() };
  } catch (error) {
    bench.signal.throwIfAborted();
    const failure = asPyroError(error).message;
    const figures = [notMeasured(section.title, `FAILED: ${failure.split("\n")[0]}`)];
    return { section: section.name, figures, samples: {}, seconds: seconds(), failure };
  }
}

/** Load average of the last minute. */
function load(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), sections);
  if ("help" in options) {
    process.stdout.write(`${options.help}\n`);
    return 0;
  }
  if ("mistake" in options) {
    process.stderr.write(`error: ${options.mistake}\nhint: See --help.\n`);
    return 2;
  }
  try {
    return await measureAll(options);
  } catch (error) {
    process.stderr.write(`error: ${asPyroError(error).message}\n`);
    return error instanceof Interrupted ? error.exitCode : 1;
  }
}

process.exitCode = await main();
