import type { Duplex, Readable } from "node:stream";
import { haltProcess, isAlive, killProcess, type ProcessIdentity } from "../platform/processes.ts";
import { type Allowance, assertConfined } from "./confinement.ts";
import { ConsoleRing } from "./console-ring.ts";
import type { Machine, MachineExit } from "./driver.ts";

export interface JailedMachineParts {
  readonly identity: ProcessIdentity;
  readonly exited: Promise<MachineExit>;
  /** What it may be found with. */
  readonly allowance: () => Allowance;
}

/** What machines have in common whose monitor is a process in our jail. */
export abstract class JailedMachine implements Machine {
  readonly identity: ProcessIdentity;
  abstract readonly exited: Promise<MachineExit>;
  abstract readonly reopensChannel: boolean;
  readonly #allowance: () => Allowance;
  readonly #console = new ConsoleRing();
  readonly #leftConsole = new AbortController();

  protected constructor({ identity, allowance }: JailedMachineParts) {
    this.identity = identity;
    this.#allowance = allowance;
  }

  abstract openChannel(signal: AbortSignal): Promise<Duplex>;

  /** Where the guest's serial console comes from; throws when the machine ended before. */
  protected abstract openConsole(signal: AbortSignal): Promise<Readable>;

  consoleTail(): string {
    return this.#console.tail();
  }

  leaveConsole(): void {
    this.#leftConsole.abort();
  }

  async verifyConfinement(): Promise<void> {
    try {
      assertConfined(this.identity.pid, this.#allowance());
    } catch (error) {
      // A process that ended meanwhile is reported by whoever waits for it.
      if (!isAlive(this.identity)) return;
      await this.kill();
      throw error;
    }
  }

  kill(): Promise<void> {
    return killProcess(this.identity);
  }

  halt(): Promise<void> {
    return haltProcess(this.identity);
  }

  protected async readConsole(): Promise<void> {
    try {
      const { signal } = this.#leftConsole;
      const stream = await this.openConsole(signal);
      signal.addEventListener("abort", () => stream.destroy(), { once: true });
      stream.on("data", (chunk: Buffer) => this.#console.push(chunk));
      stream.on("error", () => stream.destroy());
      // The console must never keep this process alive.
      if ("unref" in stream && typeof stream.unref === "function") stream.unref();
    } catch {
      // A machine that ended before its console could be read has nothing to say.
    }
  }
}
