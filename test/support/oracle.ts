import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isAbandoned } from "../../src/platform/files.ts";
import { findProcesses, type HostProcess, type Traces } from "./host-processes.ts";
import { until } from "./until.ts";

/** The places to look for what a test left behind. */
export interface Remains {
  readonly cacheDirectory: string;
  readonly stateDirectory: string;
  readonly temporaryDirectory: string;
  /** Sessions of the programs the test started. */
  readonly sessions: readonly number[];
}

/** Fails unless no process and no half-made file is left, and the registry, where there is one, is sound. */
export async function assertNothingLeft(remains: Remains): Promise<void> {
  await assertNoProcessLeft({
    sessions: remains.sessions,
    directories: [remains.stateDirectory, remains.temporaryDirectory],
  });
  assert.deepEqual(leftoverFiles(remains.stateDirectory), [], "files left in the state directory");
  assert.deepEqual(filesUnder(remains.temporaryDirectory), [], "temporary files left");
  assert.deepEqual(
    filesUnder(remains.cacheDirectory).filter(isHalfMade),
    [],
    "half-made files left in the cache",
  );
  assertSoundRegistry(remains.stateDirectory);
}

/** Fails unless every process that bears one of `traces` ends by itself within seconds. */
export async function assertNoProcessLeft(traces: Traces): Promise<void> {
  let left: HostProcess[] = [];
  await until("no process is left", () => {
    left = findProcesses(traces);
    return left.length === 0;
  }).catch(() => undefined);
  assert.deepEqual(left, [], "processes left");
}

/** `PRAGMA integrity_check` of the registry, if there is one. */
export function assertSoundRegistry(stateDirectory: string): void {
  const path = join(stateDirectory, "registry.sqlite");
  if (!existsSync(path)) return;
  const database = new DatabaseSync(path);
  try {
    assert.deepEqual(
      { ...database.prepare("PRAGMA integrity_check").get() },
      { integrity_check: "ok" },
    );
  } finally {
    database.close();
  }
}

/** Files in a state directory that belong to no VM. */
function leftoverFiles(stateDirectory: string): string[] {
  return filesUnder(stateDirectory).filter(
    (name) => !/^registry\.sqlite(-wal|-shm)?$/.test(name) && name !== "vms",
  );
}

function isHalfMade(path: string): boolean {
  const name = path.split("/").at(-1) ?? "";
  // Other tests may be making theirs; what counts is work whose process is gone.
  return name.endsWith(".partial") && isAbandoned(name);
}

/** Everything under `directory`, relative to it. */
export function filesUnder(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}
