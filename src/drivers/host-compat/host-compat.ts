import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { PyroError } from "../../model/errors.ts";
import {
  identifyProcess,
  isAlive,
  killProcess,
  type ProcessIdentity,
  signalProcess,
  waitUntilGone,
} from "../../platform/processes.ts";
import { tryConnectUnix } from "../../platform/unix-socket.ts";
import { ConsoleRing } from "../console-ring.ts";
import type {
  DriverCapabilities,
  HostDriver,
  HostSpec,
  Machine,
  MachineExit,
  OwnLifetime,
} from "../driver.ts";
import { announcedGuardianCommand, endOfStranger, wordFd } from "../guardian.ts";

const channelFd = 3;
const channelName = "channel.sock";
const connectRetryMs = 5;
const graceMs = 5_000;

/** The guest agent as an ordinary process of this host: the same conversation, no isolation. */
export class HostCompatDriver implements HostDriver {
  readonly name = "host-compat";
  readonly capabilities: DriverCapabilities = {
    isolation: "none",
    executionMode: "host_compat",
  };
  readonly #agentPath: string;

  constructor(agentPath: string) {
    this.#agentPath = agentPath;
  }

  /** Throws `virtualization_unavailable` where the agent is not there. */
  async start({ directory, lifetime }: HostSpec): Promise<Machine> {
    this.#requireAgent();
    return lifetime === "caller"
      ? this.#startOwned(directory)
      : this.#startDetached(directory, lifetime);
  }

  #requireAgent(): void {
    try {
      accessSync(this.#agentPath, constants.X_OK);
    } catch (error) {
      throw new PyroError(
        "virtualization_unavailable",
        `No guest can run here: The guest agent is not at ${this.#agentPath}.`,
        { hint: "make build (pyro doctor has the details)", cause: error },
      );
    }
  }

  /** An agent that speaks over a socket it inherits, and ends with it. */
  async #startOwned(root: string): Promise<Machine> {
    const child = spawn(
      this.#agentPath,
      ["--host-compat", "--socket-fd", String(channelFd), "--root", root],
      { env: {}, cwd: root, stdio: ["ignore", "ignore", "pipe", "pipe"] },
    );
    const { identity, exited, words } = await watchStart(child);
    const channel = child.stdio[channelFd] as unknown as Duplex;
    channel.on("error", () => channel.destroy());
    return new HostCompatMachine({ identity, exited, channel, words });
  }

  /** An agent that listens in a directory and outlives us. */
  async #startDetached(root: string, lifetime: OwnLifetime): Promise<Machine> {
    const { directory, claim } = lifetime;
    const program = this.#agentPath;
    const [guardian = "", ...args] = announcedGuardianCommand({ program, lifetime });
    const listen = ["--host-compat", "--listen", join(directory, channelName), "--root", root];
    const child = spawn(guardian, [...args, this.#agentPath, ...listen], {
      env: { PATH: "/usr/bin:/bin" },
      cwd: root,
      stdio: ["ignore", "pipe", "ignore", "pipe"],
    });
    const word = child.stdio[wordFd] as Socket;
    word.on("error", () => undefined);
    try {
      const identity = identifyProcess(Number(await readFirstLine(child)));
      if (identity === undefined)
        throw new PyroError("vmm_failed", "The guest agent did not start on this host.", {
          hint: "Run pyro doctor.",
        });
      claim(identity);
      word.write("go\n");
      // The guardian's own end takes the agent along.
      return adoptHostCompatMachine(identity, directory);
    } finally {
      word.end(() => word.destroy());
      child.stdout?.destroy();
      child.unref();
    }
  }
}

/** Takes over an agent that listens in `directory`. */
export function adoptHostCompatMachine(identity: ProcessIdentity, directory: string): Machine {
  return new ListeningCompatMachine(identity, directory);
}

async function readFirstLine(child: ChildProcess): Promise<string> {
  let text = "";
  child.on("error", () => child.stdout?.destroy());
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}

async function watchStart(
  child: ChildProcess,
): Promise<{ identity: ProcessIdentity; exited: Promise<MachineExit>; words: ConsoleRing }> {
  const words = new ConsoleRing(4096);
  child.stderr?.on("data", (chunk: Buffer) => words.push(chunk));
  const exited = new Promise<MachineExit>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode, signal) =>
      resolve({ exitCode, signal, stderrTail: words.tail() }),
    );
  });
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (identity !== undefined) return { identity, exited, words };
  throw new PyroError("vmm_failed", `The guest agent did not start: ${(await exited).stderrTail}`);
}

/** An agent that anybody who may enter its directory can speak to, one at a time. */
class ListeningCompatMachine implements Machine {
  readonly identity: ProcessIdentity;
  readonly exited: Promise<MachineExit>;
  readonly reopensChannel = true;
  readonly #socketPath: string;

  constructor(identity: ProcessIdentity, directory: string) {
    this.identity = identity;
    this.exited = endOfStranger(identity);
    this.#socketPath = join(directory, channelName);
  }

  async openChannel(signal: AbortSignal): Promise<Duplex> {
    for (;;) {
      const socket = await tryConnectUnix(this.#socketPath);
      if (socket !== undefined) return socket;
      signal.throwIfAborted();
      if (!isAlive(this.identity))
        throw new PyroError("guest_lost", "The agent of the workspace is no longer running.");
      await sleep(connectRetryMs);
    }
  }

  consoleTail(): string {
    return "";
  }

  leaveConsole(): void {
    // It has none that anybody else could read.
  }

  async verifyConfinement(): Promise<void> {
    // Nothing confines it, which is what its capabilities say.
  }

  async kill(): Promise<void> {
    // The guardian passes its end on to the agent, and the agent to its commands.
    if (!signalProcess(this.identity, "SIGTERM")) return;
    if (!(await waitUntilGone(this.identity, graceMs))) await killProcess(this.identity);
  }

  halt(): Promise<void> {
    return this.kill();
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

  leaveConsole(): void {
    // It has none that anybody else could read.
  }

  async verifyConfinement(): Promise<void> {
    // Nothing confines it, which is what its capabilities say.
  }

  async kill(): Promise<void> {
    // The agent ends its commands when its channel closes; only then is it killed.
    this.#channel.destroy();
    if (!(await waitUntilGone(this.identity, graceMs))) await killProcess(this.identity);
  }

  halt(): Promise<void> {
    return this.kill();
  }
}
