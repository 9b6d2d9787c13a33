import type { Readable, Writable } from "node:stream";
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type RequestId,
  type Transport,
} from "@modelcontextprotocol/server";

/** Of one message. The largest sensible one carries a file's text. */
const lineBytesMax = 16 * 1024 * 1024;

const newline = 0x0a;
const parseError = -32700;
const invalidRequest = -32600;

/**
 * Messages as lines of JSON. What is no message is answered with an error and costs the connection nothing; the SDK's own
 * transport ends at the first line that is too long.
 */
export class LineTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  readonly #stdin: Readable;
  readonly #stdout: Writable;
  #parts: Buffer[] = [];
  #bytes = 0;
  #isSkipping = false;
  #isClosed = false;

  constructor(stdin: Readable, stdout: Writable) {
    this.#stdin = stdin;
    this.#stdout = stdout;
  }

  async start(): Promise<void> {
    const close = () => void this.close();
    this.#stdin.on("data", this.#onData);
    this.#stdin.once("end", close);
    this.#stdin.once("close", close);
    this.#stdin.on("error", close);
    this.#stdout.on("error", close);
    if (this.#stdin.readableEnded || this.#stdin.destroyed) setImmediate(close);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stdin.off("data", this.#onData);
    this.#stdin.pause();
    this.#parts = [];
    this.onclose?.();
  }

  send(message: JSONRPCMessage): Promise<void> {
    return this.#write(message);
  }

  #write(message: unknown): Promise<void> {
    // Nobody is there to hear that nobody is there.
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stdout.write(`${JSON.stringify(message)}\n`, () => resolve());
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    let at = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, at)) {
      this.#keep(chunk.subarray(at, end));
      this.#endLine();
      at = end + 1;
    }
    this.#keep(chunk.subarray(at));
  };

  #keep(part: Buffer): void {
    if (part.length === 0 || this.#isSkipping) return;
    this.#bytes += part.length;
    if (this.#bytes <= lineBytesMax) {
      this.#parts.push(part);
      return;
    }
    this.#parts = [];
    this.#isSkipping = true;
    this.#refuse(invalidRequest, `A message is longer than ${lineBytesMax} bytes.`);
  }

  #endLine(): void {
    const line = Buffer.concat(this.#parts).toString("utf8").trim();
    const isSkipped = this.#isSkipping;
    this.#parts = [];
    this.#bytes = 0;
    this.#isSkipping = false;
    if (!isSkipped && line !== "") this.#receive(line);
  }

  #receive(line: string): void {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.#refuse(parseError, "A message is not JSON.");
      return;
    }
    let message: JSONRPCMessage;
    try {
      message = parseJSONRPCMessage(value);
    } catch {
      const what = Array.isArray(value) ? "Batches are not supported." : "This is no request.";
      this.#refuse(invalidRequest, what, idOf(value));
      return;
    }
    this.onmessage?.(message);
  }

  #refuse(code: number, message: string, id: RequestId | null = null): void {
    void this.#write({ jsonrpc: "2.0", id, error: { code, message } });
    this.onerror?.(new Error(message));
  }
}

function idOf(value: unknown): RequestId | null {
  if (typeof value !== "object" || value === null || !("id" in value)) return null;
  const { id } = value;
  return typeof id === "string" || Number.isSafeInteger(id) ? (id as RequestId) : null;
}
