import type { Duplex, Readable } from "node:stream";
import type { ProcessIdentity } from "../../platform/processes.ts";
import { readAllowance } from "../allowance-record.ts";
import type { Machine, MachineExit } from "../driver.ts";
import { endOfStranger } from "../guardian.ts";
import { JailedMachine, type JailedMachineParts } from "../jailed-machine.ts";
import { consolePath, readConsolePipe } from "./console.ts";
import { tryConnectJailed, untilConnected } from "./jailed-socket.ts";
import { socketPaths } from "./layout.ts";
import { connectToGuest } from "./vsock.ts";

/** Where the guest agent listens. */
const agentPort = 1024;
const connectRetryMs = 5;

export interface FirecrackerMachineParts extends JailedMachineParts {
  readonly openConsole: () => Readable;
}

/** A machine that runs, as whoever looks after it needs it. */
export class FirecrackerMachine extends JailedMachine {
  readonly exited: Promise<MachineExit>;
  readonly reopensChannel = true;
  readonly #openConsole: () => Readable;

  constructor(parts: FirecrackerMachineParts) {
    super(parts);
    this.exited = parts.exited;
    this.#openConsole = parts.openConsole;
    void this.readConsole();
  }

  async openChannel(signal: AbortSignal): Promise<Duplex> {
    const channel = await untilConnected(this.identity, () => this.#tryChannel(), {
      pollMs: connectRetryMs,
      signal,
    });
    if (!signal.aborted) return channel;
    channel.destroy();
    throw signal.reason;
  }

  protected async openConsole(): Promise<Readable> {
    return this.#openConsole();
  }

  async #tryChannel(): Promise<Duplex | undefined> {
    const socket = await tryConnectJailed(this.identity, socketPaths.channel);
    if (socket === undefined) return undefined;
    return (await connectToGuest(socket, agentPort)) ? socket : undefined;
  }
}

/** Takes over a machine started earlier, by this process or another. */
export function adoptFirecrackerMachine(identity: ProcessIdentity, directory: string): Machine {
  return new FirecrackerMachine({
    identity,
    exited: endOfStranger(identity),
    allowance: () => readAllowance(directory),
    openConsole: () => readConsolePipe(consolePath(directory)),
  });
}
