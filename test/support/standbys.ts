import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import type { AgentClient } from "../../src/channel/agent-client.ts";
import { compose } from "../../src/compose.ts";
import { readConfig } from "../../src/platform/config.ts";
import { attachAgent } from "../../src/workspace/machines/attach-agent.ts";
import type { Host } from "../../src/workspace/machines/host.ts";
import { type Standby, standbyPaths } from "../../src/workspace/machines/standbys.ts";
import { type KeepOptions, keepStandbys } from "../../src/workspace/standby/keep-standbys.ts";
import { baseEnvironment, PyroHome, type RunOptions } from "./home.ts";
import type { Ended } from "./process.ts";
import { until } from "./until.ts";

export const baseSpec = {
  environment: baseEnvironment,
  vcpuCount: 1,
  memMib: 1024,
  cpu: "v2",
} as const;

/** Machines that wait in a home of their own. */
export class TestStandbys implements AsyncDisposable {
  readonly home: PyroHome;
  readonly host: Host;

  private constructor(home: PyroHome) {
    this.home = home;
    this.host = compose(readConfig(home.env)).host;
  }

  static async open(): Promise<TestStandbys> {
    return new TestStandbys(await PyroHome.warm());
  }

  /** Has one wait, or as many as are asked for. Answers why there are fewer. */
  keep(options: Partial<KeepOptions> = {}): Promise<string | null> {
    const wish = { spec: baseSpec, count: 1, idleSeconds: 900, keeper: "test", ...options };
    return keepStandbys(this.host, wish);
  }

  get waiting(): Standby[] {
    return this.host.standbys.list();
  }

  /** The only one that waits. */
  get only(): Standby {
    const [standby, ...others] = this.waiting;
    assert.ok(standby && others.length === 0, `${others.length + 1} wait`);
    return standby;
  }

  /** A `pyro run`, and whether its machine had waited for it. */
  async run(
    command: readonly string[],
    options: RunOptions = {},
  ): Promise<Ended & { readonly isClaimed: boolean }> {
    const env = { PYRO_TRACE: "1", ...options.env };
    const ended = await this.home.run(command, { ...options, env });
    return { ...ended, isClaimed: / claimed=\S+ attached=\S+ activated=/.test(ended.stderr) };
  }

  /** What only its keeper does: speaks to a machine that waits. */
  async tamper({ name, record }: Standby, work: (client: AgentClient) => Promise<void>) {
    const directory = `${this.host.standbys.readyDirectory}/${name}`;
    const machine = this.host.adopt(record.driver, record.process, standbyPaths(directory).sockets);
    const { client } = await attachAgent(machine, 10_000);
    await work(client);
    client.close();
    machine.leaveConsole();
  }

  /** Ends those that wait, and fails unless nothing is left of any. */
  async endAll(): Promise<void> {
    await this.host.standbys.endWaiting(() => true);
    await this.assertNothingHeld();
    await this.home.assertNothingLeft();
  }

  /** Fails unless whatever was held by a process is gone, without anybody's doing. */
  async assertNothingHeld(): Promise<void> {
    const { heldDirectory } = this.host.standbys;
    await until(
      () => `nothing is held: ${readdirSync(heldDirectory)}`,
      () => readdirSync(heldDirectory).length === 0,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.standbys.endWaiting(() => true);
    await this.home.dispose();
  }
}
