import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Pyro, PyroError, type Workspace, type WorkspaceExecResult } from "../../src/index.ts";
import { identifyProcess, waitUntilGone } from "../../src/platform/processes.ts";
import { baseEnvironment, PyroHome, repository } from "./home.ts";
import { endProcess, findMonitors, findSupervisors } from "./host-processes.ts";
import { assertNoWorkspaceLeft, assertWorkspacesAgree } from "./oracle.ts";
import type { PyroProcess } from "./process.ts";
import { until } from "./until.ts";

/** A failure as another process prints it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** What a call of the SDK in another process came to; neither when it was killed. */
export interface Answer<T> {
  readonly result?: T;
  readonly error?: Failure;
  readonly signal: NodeJS.Signals | null;
}

type Method = {
  [K in keyof Pyro]: Pyro[K] extends (...given: never[]) => unknown ? K : never;
}[keyof Pyro] &
  string;

const wordsOfStates = new Set(["started", "stopped", "failed"]);

/** Workspaces of one test file, called in this process and in others that may be killed. */
export class TestWorkspaces implements AsyncDisposable {
  readonly home: PyroHome;
  /** The SDK, in this process unless the test says otherwise. */
  readonly pyro: Pyro;

  private constructor(home: PyroHome, pyro: Pyro) {
    this.home = home;
    this.pyro = pyro;
  }

  static async open(pyroOf = pyroHere): Promise<TestWorkspaces> {
    const home = await PyroHome.warm();
    return new TestWorkspaces(home, pyroOf(home));
  }

  /** A place of the test's own, outside the state directory. */
  path(name: string): string {
    return join(this.home.directory, name);
  }

  create(options: Partial<Parameters<Pyro["createWorkspace"]>[0]> = {}): Promise<Workspace> {
    return this.pyro.createWorkspace({ environment: baseEnvironment, ...options });
  }

  /** Runs a shell line that must end with 0; answers what it wrote. */
  async sh(id: string, line: string, timeoutSeconds = 60): Promise<string> {
    const result = await this.pyro.execWorkspace(id, {
      command: ["sh", "-c", line],
      timeoutSeconds,
    });
    assert.equal(result.exitCode, 0, result.stderr);
    return result.stdout;
  }

  /** Which start of which machine answers. */
  bootId(id: string): Promise<string> {
    return this.sh(id, "cat /proc/sys/kernel/random/boot_id");
  }

  /** Digest of every name, mode and byte under /workspace. */
  treeDigest(id: string): Promise<string> {
    return this.sh(
      id,
      "find . -printf '%P %y %m %l\\n' | sort; find . -type f -exec sha256sum {} + | sort",
    );
  }

  /** One call of the SDK in a process of its own. */
  start(method: Method, given: readonly unknown[], env: Record<string, string> = {}): PyroProcess {
    const program = join(repository, "test", "support", "pyro-vm.ts");
    const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
    return this.home.startProgram([...node, program, method, JSON.stringify(given)], { env });
  }

  /** The same to its end. */
  async answer<T>(
    method: Method,
    given: readonly unknown[],
    env: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const { stdout, stderr, signal } = await this.start(method, given, env).ended;
    if (signal !== null) return { signal };
    assert.notEqual(stdout, "", stderr);
    return { ...(JSON.parse(stdout) as Answer<T>), signal };
  }

  /** One call that must die at `point`. */
  async dies(point: string, method: Method, given: readonly unknown[]): Promise<void> {
    const answer = await this.answer(method, given, { PYRO_FAULT: `${point}:kill` });
    assert.equal(answer.signal, "SIGKILL", `${method} ended: ${JSON.stringify(answer)}`);
  }

  /** One call whose supervisor, started for it, must die at `point`; what the caller was told. */
  async supervisorDies<T>(
    point: string,
    id: string,
    method: Method,
    given: readonly unknown[],
  ): Promise<Answer<T>> {
    await this.killSupervisor(id);
    const answer = this.answer<T>(method, given, { PYRO_FAULT: `${point}:kill` });
    await answer;
    // On a busy host the caller may have started another one, which would die in the same way at its first command.
    const { workspaceId } = await this.pyro.statusWorkspace(id);
    await until("the supervisor is gone", () => {
      const left = findSupervisors(workspaceId);
      for (const pid of left) endProcess(pid);
      return left.length === 0;
    });
    return answer;
  }

  /** The registry's row of a workspace, as it is on the disk. */
  row(id: string): Record<string, unknown> | undefined {
    return this.sql("SELECT * FROM workspaces WHERE workspace_id = ? OR name = ?", id, id)[0];
  }

  sql(text: string, ...values: (string | number | null)[]): Record<string, unknown>[] {
    const database = new DatabaseSync(join(this.home.stateDirectory, "registry.sqlite"), {
      timeout: 10_000,
    });
    try {
      return database.prepare(text).all(...values) as Record<string, unknown>[];
    } finally {
      database.close();
    }
  }

  /** PID of the monitor that the registry knows. */
  monitor(id: string): number {
    const pid = Number(this.row(id)?.pid ?? 0);
    assert.ok(pid > 0, `${id} has no monitor`);
    return pid;
  }

  /** PID of the supervisor, once there is one. */
  async supervisor(id: string): Promise<number> {
    const { workspaceId } = await this.pyro.statusWorkspace(id);
    await until("a supervisor runs", () => findSupervisors(workspaceId).length > 0);
    return findSupervisors(workspaceId)[0] ?? 0;
  }

  /** Kills every supervisor of a workspace; those that only look whether they are needed end by themselves. */
  async killSupervisor(id: string): Promise<void> {
    const workspaceId = String(this.row(id)?.workspace_id);
    const socket = join(this.directory(workspaceId), "supervisor.sock");
    await until("the supervisor listens", () => existsSync(socket));
    // Another that is just starting would take its place.
    for (let quiet = 0; quiet < 3; quiet++) {
      const found = findSupervisors(workspaceId);
      for (const pid of found) await killProcess(pid);
      if (found.length > 0) quiet = 0;
      await sleep(20);
    }
  }

  directory(workspaceId: string): string {
    return join(this.home.stateDirectory, "workspaces", workspaceId);
  }

  /** Monitors that run on files of this home. */
  monitors(): number[] {
    return findMonitors(this.home.stateDirectory);
  }

  /** Rows, directories and processes tell the same story. */
  assertAgree(): Promise<void> {
    return assertWorkspacesAgree(this.home.stateDirectory);
  }

  /** Deletes all that there is and fails unless nothing of it is left. */
  async assertNothingLeft(): Promise<void> {
    const { workspaces } = await this.pyro.listWorkspaces();
    for (const { workspaceId, state } of workspaces) {
      assert.ok(wordsOfStates.has(state), `${workspaceId} is ${state}`);
      await this.pyro.deleteWorkspace(workspaceId);
    }
    await this.pyro.gcWorkspaces();
    this.pyro[Symbol.dispose]();
    await assertNoWorkspaceLeft(this.home.stateDirectory);
    await this.home.assertNothingLeft();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.pyro[Symbol.dispose]();
    // A test that failed may have left machines behind.
    for (const pid of [...findSupervisors(this.home.stateDirectory), ...this.monitors()])
      await killProcess(pid);
    await this.home.dispose();
  }
}

function pyroHere({ cacheDirectory, stateDirectory }: PyroHome): Pyro {
  return new Pyro({ cacheDirectory, stateDirectory });
}

/** Kills one process and waits until it is gone. */
export async function killProcess(pid: number): Promise<void> {
  const identity = identifyProcess(pid);
  if (identity === undefined) return;
  process.kill(pid, "SIGKILL");
  assert.ok(await waitUntilGone(identity, 10_000), `${pid} survives SIGKILL`);
}

/** The code of the PyroError that `work` must end with, and the whole of it. */
export async function refusal(work: Promise<unknown>): Promise<PyroError> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  assert.ok("error" in outcome, `it succeeded: ${JSON.stringify(outcome)}`);
  assert.ok(outcome.error instanceof PyroError, String(outcome.error));
  return outcome.error;
}

/** Milliseconds that `work` took, and its outcome. */
export async function timed<T>(work: Promise<T>): Promise<{ elapsedMs: number; value: T }> {
  const begin = performance.now();
  const value = await work;
  return { elapsedMs: performance.now() - begin, value };
}

/** Settles when a command of another process or of ours has written `text`. */
export function saying(text: string): { said: Promise<void>; onStdout: (chunk: Buffer) => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = "";
  return {
    said: promise,
    onStdout: (chunk) => {
      seen += String(chunk);
      if (seen.includes(text)) resolve();
    },
  };
}

/** A tree with names, modes, links and bytes of several kinds; `variant` tells two apart. */
export function writeTree(directory: string, variant: string, files = 12): string {
  mkdirSync(join(directory, "src", "deep"), { recursive: true });
  for (let index = 0; index < files; index++) {
    const bytes = createHash("sha512").update(`${variant} ${index}`).digest();
    const content = Buffer.concat(Array.from({ length: 1 + index * 40 }, () => bytes));
    writeFileSync(join(directory, "src", index % 2 ? "deep" : "", `file ${index}`), content);
  }
  writeFileSync(join(directory, "run.sh"), `#!/bin/sh\necho ${variant}\n`, { mode: 0o755 });
  return directory;
}

/** Digest of names, modes and bytes of a tree on the host, in no way dependent on the place. */
export function hostDigest(directory: string): string {
  const hash = createHash("sha256");
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true }).sort(
    (a, b) => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1),
  )) {
    const path = join(entry.parentPath, entry.name);
    hash.update(`${path.slice(directory.length)}\0${entry.isFile()}\0`);
    if (entry.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}

export type { Workspace, WorkspaceExecResult };
