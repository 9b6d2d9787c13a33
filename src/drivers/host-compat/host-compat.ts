import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import type { Duplex } from "node:stream";
import { PyroError } from "../../model/errors.ts";
import {
  identifyProcess,
  type ProcessIdentity,
  signalProcess,
  waitUntilGone,
} from "../../platform/processes.ts";
import { ConsoleRing } from "../console-ring.ts";
import type {
  Driver,
  DriverCapabilities,
  DriverProbe,
  Machine,
  MachineExit,
  MachineSpec,
  SavableMachine,
} from "../driver.ts";

const channelFd = 3;
const killTimeoutMs = 5_000;

/** Finds out whether the guest agent can run on the host itself. */
export class HostCompatProbe implements DriverProbe {
  readonly name = "host-compat";
  readonly #agentPath: string;

  constructor(agentPath: string) {
    this.#agentPath = agentPath;
  }

  async probe(): ReturnType<DriverProbe["probe"]> {
    const none = { version: undefined, accelerator: undefined };
    try {
      accessSync(this.#agentPath, constants.X_OK);
    } catch {
      return {
        status: {
          ...none,
          usable: false,
          reason: `The guest agent is not at ${this.#agentPath}.`,
          fix: "make build",
        },
        driver: undefined,
      };
    }
    const reason = "Commands run as ordinary processes of this host, without any isolation.";
    return {
      status: { ...none, usable: true, reason, fix: undefined },
      driver: new HostCompatDriver(this.#agentPath),
    };
  }
}

/** The guest agent as an ordinary process of this host: the same conversation, no isolation. */
export class HostCompatDriver implements Driver {
  readonly name = "host-compat";
  readonly fingerprint = "host-compat";
  readonly capabilities: DriverCapabilities = {
    isolation: "none",
    executionMode: "host_compat",
    templates: false,
    environments: false,
  };
  readonly #agentPath: string;

  constructor(agentPath: string) {
    this.#agentPath = agentPath;
  }

  async boot(spec: MachineSpec): Promise<Machine> {
    assert(spec.hostDirectory !== undefined, "a host-compat machine needs a directory");
    const child = spawn(
      this.#agentPath,
      ["--host-compat", "--socket-fd", String(channelFd), "--root", spec.hostDirectory],
      {
        env: {},
        cwd: spec.hostDirectory,
        stdio: ["ignore", "ignore", "pipe", "pipe"],
      },
    );
    const words = new ConsoleRing(4096);
    child.stderr?.on("data", (chunk: Buffer) => words.push(chunk));
    const exited = new Promise<MachineExit>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode, signal) =>
        resolve({ exitCode, signal, stderrTail: words.tail() }),
      );
    });
    const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (identity === undefined)
      throw new PyroError(
        "vmm_failed",
        `The guest agent did not start: ${(await exited).stderrTail}`,
      );
    const channel = child.stdio[channelFd] as unknown as Duplex;
    channel.on("error", () => channel.destroy());
    return new HostCompatMachine({ identity, exited, channel, words });
  }

  bootSavable(): Promise<SavableMachine> {
    return Promise.reject(cannotBeSaved());
  }

  restore(): Promise<Machine> {
    return Promise.reject(cannotBeSaved());
  }

  adopt(): Machine {
    throw new PyroError(
      "not_supported",
      "A host-compat machine ends with the process that started it.",
    );
  }
}

class HostCompatMachine implements Machine {
  readonly identity: ProcessIdentity;
  readonly exited: Promise<MachineExit>;
  readonly reopensChannel = false;
  readonly #channel: Duplex;
  readonly #words: ConsoleRing;

  constructor(parts: {
    identity: ProcessIdentity;
    exited: Promise<MachineExit>;
    channel: Duplex;
    words: ConsoleRing;
  }) {
    this.identity = parts.identity;
    this.exited = parts.exited;
    this.#channel = parts.channel;
    this.#words = parts.words;
  }

  async openChannel(): Promise<Duplex> {
    return this.#channel;
  }

  consoleTail(): string {
    return this.#words.tail();
  }

  async verifyConfinement(): Promise<void> {
    // Nothing confines it, which is what its capabilities say.
  }

  async kill(): Promise<void> {
    // The agent ends its commands when its channel closes; only then is it killed.
    this.#channel.destroy();
    if (await waitUntilGone(this.identity, killTimeoutMs)) return;
    signalProcess(this.identity, "SIGKILL");
    await waitUntilGone(this.identity, killTimeoutMs);
  }
}

function cannotBeSaved(): PyroError {
  return new PyroError("not_supported", "A host-compat machine cannot be saved.");
}
