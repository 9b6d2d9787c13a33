import assert from "node:assert/strict";
import { type Dirent, existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { systemErrorCode } from "../../src/model/errors.ts";
import { isAbandoned } from "../../src/platform/files.ts";
import { isLockFile } from "../../src/platform/lock.ts";
import { findMonitors, findProcesses, type HostProcess, type Traces } from "./host-processes.ts";
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
  try {
    await until("no process is left", () => {
      left = findProcesses(traces);
      return left.length === 0;
    });
  } catch (error) {
    assert.deepEqual(left, [], `processes left: ${error}`);
    throw error;
  }
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

/** Fails unless every workspace is gone: machines, supervisors, directories and rows. */
export async function assertNoWorkspaceLeft(stateDirectory: string): Promise<void> {
  await assertNoProcessLeft({ sessions: [], directories: [stateDirectory] });
  assert.deepEqual(filesUnder(join(stateDirectory, "workspaces")), [], "directories left");
  assert.deepEqual(workspaceRows(stateDirectory), [], "rows left");
  assertSoundRegistry(stateDirectory);
}

/**
 * Fails unless rows, directories and processes agree, while workspaces live and nobody is at work on any: every row has a
 * directory and every directory a row, every started workspace one machine, every other none, and nothing is half made.
 */
export async function assertWorkspacesAgree(stateDirectory: string): Promise<void> {
  const root = join(stateDirectory, "workspaces");
  const rows = workspaceRows(stateDirectory);
  const directories = existsSync(root) ? readdirSync(root).sort() : [];
  assert.deepEqual(directories, rows.map(({ workspace_id }) => workspace_id).sort());
  assert.deepEqual(
    filesUnder(root).filter((path) => path.endsWith(".partial") && isHalfMade(path)),
    [],
    "half-made files of dead processes",
  );
  for (const { workspace_id, state, pid, failure, work } of rows) {
    assert.ok(["started", "stopped", "failed"].includes(String(state)), `${state}`);
    assert.equal(failure !== null, state === "failed", `${state}: ${failure}`);
    assert.equal(work, null, `${state} with work left: ${work}`);
    const expected = state === "started" ? [pid] : [];
    const machines = () => findMonitors(join(root, String(workspace_id)));
    // One that was killed a moment ago may still be ending.
    for (let looks = 0; looks < 50 && `${machines()}` !== `${expected}`; looks++) await sleep(20);
    assert.deepEqual(machines(), expected, `machines of a ${state} workspace`);
  }
  assertSoundRegistry(stateDirectory);
}

function workspaceRows(stateDirectory: string): Record<string, unknown>[] {
  const path = join(stateDirectory, "registry.sqlite");
  if (!existsSync(path)) return [];
  const database = new DatabaseSync(path, { timeout: 10_000 });
  try {
    return database.prepare("SELECT * FROM workspaces ORDER BY workspace_id").all();
  } finally {
    database.close();
  }
}

/** What stays of the state directory when nothing is in it. */
const emptyPlaces = ["vms", "workspaces", "standby", "standby/held", "standby/ready"];

/** Files in a state directory that belong to no VM. */
function leftoverFiles(stateDirectory: string): string[] {
  return filesUnder(stateDirectory).filter(
    (name) =>
      !/^registry\.sqlite(-wal|-shm)?$/.test(name) &&
      !emptyPlaces.includes(name) &&
      !(name.startsWith("standby/") && isLockFile(name)),
  );
}

function isHalfMade(path: string): boolean {
  const name = path.split("/").at(-1) ?? "";
  // Other tests may be making theirs; what counts is work whose process is gone.
  return name.endsWith(".partial") && isAbandoned(name);
}

/** Everything under `directory`, relative to it. Links are not followed, as Node's own recursion would. */
export function filesUnder(directory: string): string[] {
  return pathsUnder(directory)
    .map((path) => relative(directory, path))
    .sort();
}

function pathsUnder(directory: string): string[] {
  return entriesOf(directory).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? [path, ...pathsUnder(path)] : [path];
  });
}

/** None of what is removed meanwhile. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw error;
  }
}
