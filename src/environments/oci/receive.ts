import type { IncomingMessage } from "node:http";
import { finished } from "node:stream";
import type { GuardedResponse } from "./guarded-transport.ts";
import { transferPolicy } from "./limits.ts";
import { networkFailure, stalled } from "./network-failure.ts";

/**
 * The body's chunks, read ahead within bounds from this call on. What arrived before a connection
 * broke is given out before the failure, so that every try makes progress; a body that all but
 * stops is given up.
 */
export function receive(response: GuardedResponse, stallTimeoutMs: number): AsyncGenerator<Buffer> {
  return drain(new ChunkQueue(response.body), response, stallTimeoutMs);
}

async function* drain(
  queue: ChunkQueue,
  response: GuardedResponse,
  stallTimeoutMs: number,
): AsyncGenerator<Buffer> {
  let bytesInWindow = 0;
  const watch = setInterval(() => {
    // While chunks wait for the disk, silence is ours.
    if (queue.isEmpty && bytesInWindow < transferPolicy.stallBytes)
      response.body.destroy(stalled(response.url, stallTimeoutMs));
    bytesInWindow = 0;
  }, stallTimeoutMs);
  try {
    for (let chunk = await queue.take(); chunk; chunk = await queue.take()) {
      bytesInWindow += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw networkFailure(error, response.url);
  } finally {
    clearInterval(watch);
    response.body.destroy();
  }
}

/** Holds chunks on our side: a broken stream throws away what it still buffers. */
class ChunkQueue {
  readonly #body: IncomingMessage;
  readonly #chunks: Buffer[] = [];
  #queuedBytes = 0;
  #isOver = false;
  #failure: unknown;
  #wake: () => void = () => {};

  constructor(body: IncomingMessage) {
    this.#body = body;
    body.on("data", (chunk: Buffer) => this.#add(chunk));
    // Also tells of an end before this call, and of a close that skipped the end.
    finished(body, { writable: false }, (error) => {
      this.#failure = error ?? undefined;
      this.#isOver = true;
      this.#wake();
    });
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** The next chunk, or undefined at the end. */
  async take(): Promise<Buffer | undefined> {
    if (this.isEmpty && !this.#isOver) {
      this.#body.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#chunks.shift();
    this.#queuedBytes -= chunk?.length ?? 0;
    if (chunk === undefined && this.#failure !== undefined) throw this.#failure;
    return chunk;
  }

  #add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= transferPolicy.readAheadBytes) this.#body.pause();
    this.#wake();
  }
}
