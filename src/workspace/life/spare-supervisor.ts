import { statSync } from "node:fs";
import { Socket } from "node:net";
import type { TimerOptions } from "node:timers";
import { untilCoreIsIdle } from "../standby/idle-core.ts";
import { type Floors, floorsOfHost, whyHeldBack } from "../standby/standby-floors.ts";
import { orderDescriptor, type SupervisorOrder } from "../supervisor/await-order.ts";
import { environmentOf, type SupervisorsParts, startSupervisor } from "./start-supervisor.ts";

/** A host that is never idle takes long for everything. */
const idleTimeoutMs = 10_000;
const untilIdleHere = (options: TimerOptions) => untilCoreIsIdle(idleTimeoutMs, options);
/** How often the host and the clock are looked at, which stops for nobody's sleep. */
const lookMs = 5_000;

export interface KeepSpareOptions {
  /** How long it waits for somebody to want it. */
  readonly idleSeconds: number;
  /** Default: what this host is left at least. */
  readonly floors?: Floors | undefined;
  /** Waits for a core to be idle. Default: for ten seconds at most. */
  readonly untilIdle?: (options: TimerOptions) => Promise<void>;
}

export interface GiveOptions {
  readonly when: Promise<void>;
  readonly instead: () => void;
}

/** A supervisor that has loaded all that it runs, and waits to be told which workspace it is for. */
interface Spare {
  /** It ends when this is closed, by us or by our death. */
  readonly socket: Socket;
  /** What an ordinary one would be started from. */
  readonly origin: string;
  readonly looking: NodeJS.Timeout;
}

/** The supervisor that this process has wait for the next workspace: one at most. */
export class SpareSupervisor {
  readonly #parts: SupervisorsParts;
  #spare: Spare | undefined;
  /** Whoever makes one ready now. */
  #making: AbortController | undefined;

  constructor(parts: SupervisorsParts) {
    this.#parts = parts;
  }

  /** Has one wait as soon as a core is idle, unless this host has too little memory. */
  async keep(options: KeepSpareOptions): Promise<void> {
    if (this.#spare !== undefined || this.#making !== undefined) return;
    const making = new AbortController();
    this.#making = making;
    try {
      const { untilIdle = untilIdleHere } = options;
      await untilIdle({ signal: making.signal, ref: false });
      if (!making.signal.aborted) this.#spare = this.#start(options);
    } catch (error) {
      if (!making.signal.aborted) throw error;
    } finally {
      if (this.#making === making) this.#making = undefined;
    }
  }

  get isWaiting(): boolean {
    return this.#spare !== undefined;
  }

  /** Has it look after a workspace, told when `when` settles; false when there is none. Should it turn out not to live, `instead` is called. */
  give(order: SupervisorOrder, { when, instead }: GiveOptions): boolean {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined) return false;
    const { socket, origin, looking } = spare;
    clearInterval(looking);
    if (origin !== originOf(this.#parts)) {
      socket.destroy();
      return false;
    }
    let isTaken = false;
    socket.on("data", () => {
      isTaken = true;
    });
    socket.on("close", () => {
      if (!isTaken) instead();
    });
    void when.then(() => socket.end(`${JSON.stringify(order)}\n`));
    return true;
  }

  /** Ends the one that waits, or is being made ready. */
  end(): void {
    this.#making?.abort();
    this.#making = undefined;
    if (this.#spare === undefined) return;
    clearInterval(this.#spare.looking);
    this.#spare.socket.destroy();
    this.#spare = undefined;
  }

  #start({ idleSeconds, floors = floorsOfHost() }: KeepSpareOptions): Spare | undefined {
    if (isMemoryShort(floors)) return undefined;
    const endsAt = Date.now() + idleSeconds * 1000;
    const origin = originOf(this.#parts);
    const stdio = ["ignore", "ignore", "ignore", "pipe"] as const;
    const socket = startSupervisor(this.#parts, [], stdio).stdio[orderDescriptor];
    if (!(socket instanceof Socket)) return undefined;
    const looking = setInterval(() => {
      if (Date.now() > endsAt || isMemoryShort(floors)) this.end();
    }, lookMs).unref();
    const spare = { socket, origin, looking };
    socket.unref();
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#spare === spare) this.end();
    });
    // Its end is heard only by who reads.
    socket.resume();
    return spare;
  }
}

function isMemoryShort(floors: Floors): boolean {
  return whyHeldBack("/", { ...floors, diskFloorBytes: 0 }) !== null;
}

/** Changes with whatever an ordinary supervisor would have otherwise: its program, or what it sees of our environment. */
function originOf(parts: SupervisorsParts): string {
  const file = statSync(parts.program, { throwIfNoEntry: false });
  return JSON.stringify([file?.ino, file?.mtimeMs, environmentOf(parts)]);
}
