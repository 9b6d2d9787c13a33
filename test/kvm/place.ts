import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type {
  CreateWorkspaceOptions,
  ExecWorkspaceOptions,
  Pyro,
  Workspace,
  WorkspaceExecResult,
} from "../../src/index.ts";
import { PyroHome, repository } from "../support/home.ts";
import { endProcess, findProcesses } from "../support/host-processes.ts";
import { until } from "../support/until.ts";
import type { Pair } from "./pairs.ts";

/** Has git, curl and python. */
export const environment = "debian:12";

/** The engine as it is built, which starts in a fraction of the time that its sources take. */
const engine = (await import(join(repository, "dist", "index.js"))) as {
  Pyro: typeof Pyro;
};

/** Where behaviours are tried: one home, one SDK, one workspace for those that leave it as it was. */
export class Place implements AsyncDisposable {
  readonly pair: Pair;
  readonly home: PyroHome;
  /** How much slower than an idle machine with KVM this one may be. */
  readonly patience: number;
  pyro: Pyro;
  /** What the behaviour that is tried has measured, by name; it goes into the report. */
  figures: Record<string, number> | undefined;
  #shared: string | undefined;

  private constructor(pair: Pair, home: PyroHome, patience: number) {
    this.pair = pair;
    this.home = home;
    this.patience = patience;
    this.pyro = this.open();
  }

  static async make(pair: Pair, patience: number): Promise<Place> {
    return new Place(pair, await PyroHome.warm(environment), patience);
  }

  /** Another SDK over the same directories. */
  open(trace?: ConstructorParameters<typeof Pyro>[0]): Pyro {
    const { cacheDirectory, stateDirectory } = this.home;
    return new engine.Pyro({ cacheDirectory, stateDirectory, ...trace });
  }

  create(options: Partial<CreateWorkspaceOptions> = {}): Promise<Workspace> {
    return this.pyro.createWorkspace({ environment, ...options });
  }

  /** The id of a workspace that runs; whoever spoils it says so with `spoiled`. */
  async shared(): Promise<string> {
    if (this.#shared !== undefined) {
      const found = await this.pyro.statusWorkspace(this.#shared).catch(() => undefined);
      if (found?.state === "started") return this.#shared;
    }
    this.#shared = (await this.create()).workspaceId;
    return this.#shared;
  }

  exec(
    id: string,
    line: string,
    options: Partial<ExecWorkspaceOptions> = {},
  ): Promise<WorkspaceExecResult> {
    const timeoutSeconds = 30 * this.patience;
    return this.pyro.execWorkspace(id, { command: ["sh", "-c", line], timeoutSeconds, ...options });
  }

  /** Runs a shell line that must end with 0; answers what it wrote. */
  async sh(id: string, line: string): Promise<string> {
    const result = await this.exec(id, line);
    assert.equal(result.exitCode, 0, `${line}: ${result.stderr}`);
    return result.stdout;
  }

  path(name: string): string {
    return join(this.home.directory, name);
  }

  /** PID of the monitor of a workspace. */
  monitor(id: string): number {
    const path = join(this.home.stateDirectory, "registry.sqlite");
    const database = new DatabaseSync(path, { timeout: 10_000 });
    try {
      const query = "SELECT pid FROM workspaces WHERE workspace_id = ? OR name = ?";
      const pid = Number(database.prepare(query).get(id, id)?.pid ?? 0);
      assert.ok(pid > 0, `${id} has no monitor`);
      return pid;
    } finally {
      database.close();
    }
  }

  /** Processes that bear the name of a workspace: what guards its monitor, and its supervisor. */
  processes(id: string): number[] {
    return findProcesses({ sessions: [], directories: [this.home.stateDirectory] })
      .filter(({ command }) => command.includes(id))
      .map(({ pid }) => pid);
  }

  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    return until(what, holds, 1_500 * this.patience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.pyro[Symbol.dispose]();
    const { stateDirectory } = this.home;
    for (const { pid } of findProcesses({ sessions: [], directories: [stateDirectory] }))
      endProcess(pid);
    await this.home.dispose();
  }
}

/** The failure that `work` must end with. */
export async function failure(
  work: Promise<unknown>,
): Promise<{ code: string; message: string; hint?: string }> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  assert.ok("error" in outcome, `it succeeded: ${JSON.stringify(outcome)}`);
  assert.ok(outcome.error instanceof Error && "code" in outcome.error, String(outcome.error));
  return outcome.error as unknown as { code: string; message: string; hint?: string };
}
