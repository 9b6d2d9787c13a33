import { renameSync, rmSync, statSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { dirname } from "node:path";
import { firstEvent } from "../platform/stream-events.ts";
import { listenUnix } from "../platform/unix-socket.ts";
import { type CallRequest, parseCallRequest } from "./call-request.ts";
import { CallerProof } from "./caller-proof.ts";

/** A command line with its environment; the kernel starts none with more than a quarter of the stack's 8 MiB. */
const requestBytesMax = 4 << 20;
/** How long a caller takes to say what it wants, and to bring its streams. */
const callMs = 2_000;
/** Who may be heard at once. */
const callersMax = 16;

/** A command line that this process has, and nobody else. */
export interface Call {
  readonly request: CallRequest;
  /** Signals come by it, and the exit code goes. */
  readonly control: Socket;
  /** Standard input, output and error. */
  readonly streams: readonly [Socket, Socket, Socket];
}

/** Offers to run one command line at `path`, and answers the first that somebody brings whom `suits` lets; withdraws with the signal. */
export async function awaitCall(
  path: string,
  suits: (request: CallRequest) => boolean,
  signal: AbortSignal,
): Promise<Call> {
  using proof = new CallerProof(dirname(path));
  const partial = `${path}.${process.pid}`;
  rmSync(partial, { force: true });
  const server = await listenUnix(partial);
  server.maxConnections = callersMax;
  const { ino } = statSync(partial);
  renameSync(partial, path);
  try {
    return await new Promise<Call>((resolve, reject) => {
      if (signal.aborted) throw signal.reason;
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      new Reception({ server, proof, suits, resolve, reject });
    });
  } finally {
    server.close();
    // Unless another one has taken the place.
    if (statSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
  }
}

interface ReceptionParts {
  readonly server: Server;
  readonly proof: CallerProof;
  readonly suits: (request: CallRequest) => boolean;
  readonly resolve: (call: Call) => void;
  readonly reject: (error: Error) => void;
}

/** Hears callers until one has brought a command line and its three streams. */
class Reception {
  readonly #parts: ReceptionParts;
  #taken: { request: CallRequest; control: Socket; streams: Socket[] } | undefined;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    parts.server.on("connection", (socket) => {
      socket.on("error", () => undefined);
      const timer = setTimeout(() => socket.destroy(), callMs);
      const heard = this.#taken === undefined ? this.#hear(socket) : this.#join(socket);
      heard.catch(() => socket.destroy()).finally(() => clearTimeout(timer));
    });
  }

  async #hear(socket: Socket): Promise<void> {
    const { proof, suits, reject } = this.#parts;
    const { name, greeting } = proof.greet();
    socket.write(greeting);
    const text = (await read(socket, requestOf)).toString();
    const request = parseCallRequest(text.slice(text.indexOf("\n") + 1));
    const isOurs =
      request !== undefined &&
      proof.knows(request.secret) &&
      proof.stands(request.pid, name) &&
      suits(request);
    if (!isOurs || this.#taken !== undefined) throw new TypeError("nobody that is served here");
    this.#taken = { request, control: socket, streams: [] };
    socket.write("taken\n");
    // One that brings no streams has started another meanwhile.
    setTimeout(() => reject(new TypeError("a caller without streams")), callMs).unref();
  }

  async #join(socket: Socket): Promise<void> {
    const line = (await read(socket, (held) => lineOf(held, 64))).toString("latin1").trimEnd();
    const index = Number(line.slice(-1));
    if (!this.#parts.proof.knows(line.slice(0, -1)) || this.#taken === undefined)
      throw new TypeError("a stream of nobody");
    const { request, control, streams } = this.#taken;
    streams[index] = socket;
    const [input, output, error] = streams;
    if (input && output && error)
      this.#parts.resolve({ request, control, streams: [input, output, error] });
  }
}

/** Answers as many of the first bytes as `wanted` says, which is asked anew while it cannot tell yet; what comes behind them stays. */
async function read(socket: Socket, wanted: (held: Buffer) => number | undefined): Promise<Buffer> {
  for (let held = Buffer.alloc(0); ; ) {
    const length = wanted(held);
    if (length !== undefined && held.length >= length) {
      if (held.length > length) socket.unshift(held.subarray(length));
      return held.subarray(0, length);
    }
    const chunk: Buffer | null = socket.read();
    if (chunk !== null) held = Buffer.concat([held, chunk]);
    else if (socket.readableEnded || socket.destroyed) throw new RangeError("it ends too early");
    else await firstEvent(socket, ["readable", "end", "close"]);
  }
}

/** Until the end of a line that is no longer than this. */
function lineOf(held: Buffer, lengthMax: number): number | undefined {
  const end = held.indexOf("\n");
  if ((end < 0 ? held.length : end) > lengthMax) throw new RangeError("too long a line");
  return end < 0 ? undefined : end + 1;
}

/** Until the end of what follows its length in a line. */
function requestOf(held: Buffer): number | undefined {
  const head = lineOf(held, 10);
  if (head === undefined) return undefined;
  const length = Number(held.toString("latin1", 0, head));
  if (!Number.isSafeInteger(length) || length < 0 || length > requestBytesMax)
    throw new RangeError("too long");
  return head + length;
}
