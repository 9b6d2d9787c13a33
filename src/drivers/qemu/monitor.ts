import type { Duplex } from "node:stream";
import { PyroError } from "../../model/errors.ts";

/** A reply or event longer than this is not QEMU speaking. */
const lineBytesMax = 1 << 20;

interface Reply {
  return?: unknown;
  error?: { class?: string; desc?: string };
  event?: string;
  data?: unknown;
  id?: number;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The QEMU machine protocol: JSON lines, replies matched by id. */
export class QemuMonitor {
  readonly #stream: Duplex;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #rest = "";
  #failure: unknown;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => this.#receive(text));
    stream.on("error", (error) => this.#fail(error));
    stream.on("close", () =>
      this.#fail(new PyroError("vmm_failed", "QEMU closed its control socket.")),
    );
  }

  /** Ends the greeting phase; must be the first call. */
  async negotiate(): Promise<void> {
    await this.execute("qmp_capabilities");
  }

  /** Runs one command; throws `vmm_failed` with QEMU's own words when it refuses. */
  execute(command: string, parameters?: Record<string, unknown>): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    });
  }

  close(): void {
    this.#stream.destroy();
  }

  #receive(text: string): void {
    this.#rest += text;
    if (this.#rest.length > lineBytesMax) {
      this.#fail(new PyroError("vmm_failed", "QEMU sent an endless line on its control socket."));
      return;
    }
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") this.#dispatch(line);
  }

  #dispatch(line: string): void {
    let reply: Reply;
    try {
      reply = JSON.parse(line) as Reply;
    } catch (error) {
      this.#fail(
        new PyroError("vmm_failed", "QEMU sent something other than JSON on its control socket.", {
          cause: error,
        }),
      );
      return;
    }
    const waiting = typeof reply.id === "number" ? this.#waiting.get(reply.id) : undefined;
    if (waiting === undefined || typeof reply.id !== "number") return;
    this.#waiting.delete(reply.id);
    if (reply.error)
      waiting.reject(new PyroError("vmm_failed", `QEMU refused: ${String(reply.error.desc)}`));
    else waiting.resolve(reply.return);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stream.destroy();
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
