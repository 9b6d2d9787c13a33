import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { PyroError } from "../../../src/model/errors.ts";
import { environmentVariables, readConfig } from "../../../src/platform/config.ts";
import { ensurePrivateDirectory } from "../../../src/platform/directories.ts";
import { isAbandoned, temporaryNeighbour } from "../../../src/platform/files.ts";
import { acquireLock, tryLock } from "../../../src/platform/lock.ts";
import {
  haltProcess,
  identifyProcess,
  isAlive,
  signalProcess,
} from "../../../src/platform/processes.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pyro-host-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const refuses = (path: string, pattern: RegExp) =>
  assert.throws(
    () => ensurePrivateDirectory(path),
    (error: unknown) =>
      error instanceof PyroError &&
      error.code === "host_directory_unusable" &&
      error.hint !== undefined &&
      pattern.test(error.message),
  );

test("directories of ours are private; anything else is refused with the way out", () => {
  ensurePrivateDirectory(join(directory, "a", "b"));
  mkdirSync(join(directory, "open"), { mode: 0o777 });
  chmodSync(join(directory, "open"), 0o777);
  refuses(join(directory, "open"), /is open to other users \(mode 777\)/);
  symlinkSync(join(directory, "a"), join(directory, "link"));
  refuses(join(directory, "link"), /is a symbolic link/);
});

test("a directory of somebody else is refused", {
  skip: process.getuid?.() === 0 ? false : "needs root to give a directory away",
}, () => {
  const path = join(directory, "theirs");
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, 12_345, 12_345);
  refuses(path, /belongs to user 12345, not to 0/);
});

test("configuration comes from the environment, with the documented fallbacks", () => {
  const config = readConfig({ HOME: "/home/x" });
  assert.equal(config.cacheDirectory, "/home/x/.cache/pyro");
  assert.equal(config.stateDirectory, "/home/x/.local/state/pyro");
  assert.equal(
    readConfig({ HOME: "/h", PYRO_CACHE_DIR: "/c", PYRO_REQUIRE_KVM: "1" }).requireKvm,
    true,
  );
  const relative = readConfig({ HOME: "/h", XDG_CACHE_HOME: "c", XDG_STATE_HOME: "./s" });
  assert.equal(relative.cacheDirectory, "/h/.cache/pyro");
  assert.equal(relative.stateDirectory, "/h/.local/state/pyro");
  assert.throws(
    () => readConfig({ HOME: "/h", PYRO_CACHE_DIR: "relative" }),
    /PYRO_CACHE_DIR must be an absolute path, but is "relative"/,
  );
  assert.deepEqual([config.driver, config.firecrackerPath], ["auto", undefined]);
  assert.throws(
    () => readConfig({ HOME: "/h", PYRO_DRIVER: "qemo" }),
    /PYRO_DRIVER is "qemo", which is no driver/,
  );
  assert.throws(
    () => readConfig({ HOME: "/h", PYRO_FIRECRACKER: "firecracker" }),
    /PYRO_FIRECRACKER must be an absolute path/,
  );
  assert.equal(
    new Set(environmentVariables.map((one) => one.name)).size,
    environmentVariables.length,
  );
});

test("a lock is held by one, and free again as soon as its holder is killed", async () => {
  const path = join(directory, "lock");
  const module = new URL("../../../src/platform/lock.ts", import.meta.url).href;
  const script = `const { acquireLock } = await import(${JSON.stringify(module)}); await acquireLock(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`;
  const holder = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(holder.stdout, "data");
  assert.equal(await tryLock(path), undefined);
  let waited = 0;
  const waiting = acquireLock(path, { onWait: () => waited++ });
  await assert.rejects(
    acquireLock(path, { timeoutMs: 60 }),
    (error: unknown) => error instanceof PyroError && error.code === "lock_timeout",
  );
  holder.kill("SIGKILL");
  (await waiting).release();
  assert.equal(waited, 1);
  using again = await tryLock(path);
  assert.ok(again);
});

test("a process is recognised by more than its number", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const identity = identifyProcess(child.pid ?? 0);
  assert.ok(identity && isAlive(identity));
  assert.equal(isAlive({ ...identity, startTicks: "1" }), false);
  assert.equal(isAlive({ ...identity, bootId: "another boot" }), false);
  assert.equal(signalProcess({ ...identity, startTicks: "1" }, "SIGKILL"), false);
  assert.equal(signalProcess(identity, "SIGKILL"), true);
  await once(child, "exit");
  assert.equal(isAlive(identity), false);
});

test("a process that was halted writes no more", async () => {
  const path = join(directory, "written");
  const child = spawn("sh", ["-c", `while :; do echo more; done > ${path}`], { stdio: "ignore" });
  const identity = identifyProcess(Number(child.pid));
  assert.ok(identity);
  while ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) await setImmediate();
  const exited = once(child, "exit");
  await haltProcess(identity);
  const { size } = statSync(path);
  await exited;
  assert.equal(statSync(path).size, size);
  await haltProcess(identity);
});

test("unfinished files name their owner", () => {
  assert.equal(isAbandoned(temporaryNeighbour("/x/file")), false);
  assert.equal(isAbandoned("file.00000000-1-1.partial"), true);
});
