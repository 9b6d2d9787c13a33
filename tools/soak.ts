// Works on a handful of workspaces for a while and fails when anything grew that should not. See `make soak`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Pyro } from "../src/index.ts";
import { operations } from "./soak/operations.ts";
import { readSample, type Sample } from "./soak/sample.ts";
import { judge, tableOf } from "./soak/verdict.ts";

const environment = "debian:12";
const workspaceCount = 4;
const sampleEveryMs = 10_000;
/** The first samples, while caches fill, are no measure of growth. */
const settleShare = 0.25;

const minutes = Number(process.argv[2] ?? "30");
if (!(minutes > 0)) throw new TypeError(`"${process.argv[2]}" is no number of minutes`);
const directory = mkdtempSync(join(tmpdir(), "pyro-soak-"));
const stateDirectory = join(directory, "state");
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());

const pyro = new Pyro({ stateDirectory });
const seed = join(directory, "seed");
mkdirSync(seed);
for (let index = 0; index < 200; index++)
  writeFileSync(join(seed, `file${index}`), `${index}\n`.repeat(index));
const samples: Sample[] = [];
const counts = new Map<string, number>();
const failures = new Map<string, number>();
const endAt = performance.now() + minutes * 60_000;

function isOver(): boolean {
  return stop.signal.aborted || performance.now() >= endAt;
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

/** One workspace's life, again and again: what it is and what is done to it is drawn by lot. */
async function live(seat: number): Promise<void> {
  let id: string | undefined;
  while (!isOver()) {
    if (id === undefined) {
      ({ workspaceId: id } = await pyro.createWorkspace({ environment, seedPath: seed }));
      count(counts, "create");
      continue;
    }
    const [name, operation] = operations[Math.floor(Math.random() * operations.length)] ?? [];
    if (name === undefined || operation === undefined) continue;
    try {
      const next = await operation({ pyro, id, directory, stateDirectory, seat });
      count(counts, name);
      if (next === "gone") id = undefined;
    } catch (error) {
      count(failures, `${name}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    }
  }
  if (id !== undefined) await pyro.deleteWorkspace(id);
}

async function sample(): Promise<void> {
  while (!isOver()) {
    samples.push(readSample({ stateDirectory, directory }));
    await sleep(sampleEveryMs, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

try {
  await Promise.all([...Array.from({ length: workspaceCount }, (_, seat) => live(seat)), sample()]);
  await pyro.gcWorkspaces();
  const after = readSample({ stateDirectory, directory });
  process.stdout.write(`${tableOf(samples)}\n`);
  process.stdout.write(`done: ${[...counts].map(([name, n]) => `${name} ${n}`).join(", ")}\n`);
  for (const [text, n] of failures) process.stdout.write(`failed ${n} times: ${text}\n`);
  const verdict = judge(samples.slice(Math.floor(samples.length * settleShare)), after);
  for (const line of verdict) process.stdout.write(`GREW: ${line}\n`);
  process.exitCode = verdict.length > 0 || failures.size > 0 ? 1 : 0;
} finally {
  pyro[Symbol.dispose]();
  rmSync(directory, { recursive: true, force: true });
}
