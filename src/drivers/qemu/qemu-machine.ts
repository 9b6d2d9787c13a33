import assert from "node:assert/strict";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { asPyroError, PyroError } from "../../model/errors.ts";
import { isAlive, type ProcessIdentity } from "../../platform/processes.ts";
import { tryConnectUnix } from "../../platform/unix-socket.ts";
import { readAllowance } from "../allowance-record.ts";
import type { MachineExit, SavableMachine } from "../driver.ts";
import { endOfStranger } from "../guardian.ts";
import { JailedMachine, type JailedMachineParts } from "../jailed-machine.ts";
import { QemuMonitor } from "./monitor.ts";
import { loadState, type StateSource, type StateTarget, saveState } from "./save-state.ts";

const connectRetryMs = 2;
/** What QEMU says of every emulated CPU explains nothing. */
const warnings = /^\S*qemu\S*: warning: .*\n?/gm;

/** Names of the sockets in a machine's directory. */
export const socketNames = {
  channel: "channel.sock",
  monitor: "monitor.sock",
  console: "console.sock",
} as const;

type SocketName = keyof typeof socketNames;

/** The three sockets of a machine, held from the start or found in its directory. */
export interface MachineSockets {
  /** Whether a socket can be opened more than once. */
  readonly reopen: boolean;
  open(name: SocketName, signal?: AbortSignal): Promise<Duplex>;
}

/** Sockets handed to the process at its start; each can be taken once. */
export function inheritedSockets(streams: Record<SocketName, Duplex>): MachineSockets {
  // The end of the process breaks sockets that nobody has taken yet; whoever takes one listens for itself.
  for (const stream of Object.values(streams)) stream.on("error", () => stream.destroy());
  return { reopen: false, open: async (name) => streams[name] };
}

/** Sockets QEMU listens on in `directory`. */
export function listeningSockets(directory: string, identity: ProcessIdentity): MachineSockets {
  const open = async (name: SocketName, signal?: AbortSignal): Promise<Duplex> => {
    for (;;) {
      const socket = await tryConnectUnix(join(directory, socketNames[name]));
      if (socket) return socket;
      signal?.throwIfAborted();
      if (!isAlive(identity))
        throw new PyroError(
          "guest_lost",
          `The virtual machine of ${directory} is no longer running.`,
        );
      await sleep(connectRetryMs);
    }
  };
  return { reopen: true, open };
}

export interface QemuMachineParts extends JailedMachineParts {
  readonly sockets: MachineSockets;
  /** Where its state goes; only for a machine that becomes a template. */
  readonly stateTarget?: StateTarget;
}

export class QemuMachine extends JailedMachine implements SavableMachine {
  readonly exited: Promise<MachineExit>;
  readonly #sockets: MachineSockets;
  readonly #stateTarget: StateTarget | undefined;
  #monitor: Promise<QemuMonitor> | undefined;
  /** What it said on its control socket when it would not resume. */
  #refusal = "";

  constructor(parts: QemuMachineParts) {
    super(parts);
    this.exited = parts.exited.then((exit) => ({
      ...exit,
      stderrTail: exit.stderrTail.replace(warnings, "") + this.#refusal,
    }));
    this.#sockets = parts.sockets;
    this.#stateTarget = parts.stateTarget;
    void this.readConsole();
  }

  get reopensChannel(): boolean {
    return this.#sockets.reopen;
  }

  openChannel(signal: AbortSignal): Promise<Duplex> {
    return this.#sockets.open("channel", signal);
  }

  protected openConsole(signal: AbortSignal): Promise<Duplex> {
    return this.#sockets.open("console", signal);
  }

  async saveState(): Promise<void> {
    assert(this.#stateTarget, "only a machine booted to be saved can be saved");
    await saveState(await this.#openMonitor(), this.#stateTarget);
  }

  /** Resumes a machine that was started to be restored; one that refuses is ended, with its words as its last. */
  async loadState(source: StateSource): Promise<void> {
    try {
      const monitor = await this.#openMonitor();
      await loadState(monitor, source);
      // An open socket would keep a process whose machine outlives it.
      monitor.close();
    } catch (error) {
      this.#refusal = asPyroError(error).message;
      source.stream.destroy();
      await this.kill();
    }
  }

  #openMonitor(): Promise<QemuMonitor> {
    this.#monitor ??= this.#sockets.open("monitor").then(async (stream) => {
      const monitor = new QemuMonitor(stream);
      // A refusal shows in whatever is asked next.
      monitor.negotiate().catch(() => undefined);
      return monitor;
    });
    return this.#monitor;
  }
}

/** Takes over a machine started earlier, by this process or another. */
export function adoptQemuMachine(identity: ProcessIdentity, directory: string): QemuMachine {
  const sockets = listeningSockets(directory, identity);
  const allowance = () => readAllowance(directory);
  return new QemuMachine({ identity, exited: endOfStranger(identity), sockets, allowance });
}
