import { PassThrough } from "node:stream";
import { compose } from "../../src/compose.ts";
import { readConfig } from "../../src/platform/config.ts";
import { ensureEnvironment } from "../../src/workspace/environments/ensure-environment.ts";
import { type Attached, discard } from "../../src/workspace/machines/attach-agent.ts";
import { startMachine } from "../../src/workspace/machines/start-machine.ts";
import { unnamedDisk } from "../../src/workspace/machines/start-request.ts";
import { baseEnvironment, type PyroHome } from "./home.ts";

/** What a command in a test machine ended with. */
export interface GuestEnded {
  /** As a shell would say it; text when it never started. */
  readonly code: number | string;
  readonly output: string;
}

/** One running guest that takes any number of commands, to see how it is after a bad one. */
export class TestMachine implements AsyncDisposable {
  readonly #attached: Attached;

  private constructor(attached: Attached) {
    this.#attached = attached;
  }

  static async start(home: PyroHome, memMib = 1024): Promise<TestMachine> {
    const { host } = compose(readConfig(home.env));
    host.prepareDirectories();
    const { image } = await ensureEnvironment(host, baseEnvironment);
    const attached = await startMachine(await host.machineFactory(), {
      vcpuCount: 1,
      memMib,
      cpu: "v2",
      image,
      disk: unnamedDisk(home.stateDirectory),
      hostname: "test",
      lifetime: "caller",
    });
    return new TestMachine(attached);
  }

  get pid(): number {
    return this.#attached.machine.identity.pid;
  }

  /** Runs a shell line; its two outputs come as one. */
  async sh(line: string, timeoutMs = 60_000): Promise<GuestEnded> {
    const output = new PassThrough();
    const collected = Array.fromAsync(output as AsyncIterable<Buffer>);
    const collect = (chunk: Buffer) => void output.write(Buffer.from(chunk));
    const outcome = await this.#attached.client.exec(
      { command: ["sh", "-c", line], timeoutMs },
      { onStdout: collect, onStderr: collect },
    );
    output.end();
    const text = String(Buffer.concat(await collected));
    switch (outcome.kind) {
      case "exited":
        return { code: outcome.exitCode, output: text };
      case "signalled":
        return { code: `SIG${outcome.signal}`, output: text };
      case "not_started":
        return { code: outcome.reason, output: text };
    }
  }

  /** The last of its serial console. */
  get console(): string {
    return this.#attached.machine.consoleTail();
  }

  /** Whether the agent answers at all. */
  async isAnswering(): Promise<boolean> {
    return (await this.#attached.client.health()).activated;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await discard(this.#attached);
  }
}
