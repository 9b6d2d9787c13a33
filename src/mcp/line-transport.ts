import type { Readable, Writable } from "node:stream";
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type RequestId,
  type Transport,
} from "@modelcontextprotocol/server";

/** Of one message. The largest sensible one carries a file's text. */
const lineBytesMax = 16 * 1024 * 1024;

/** How long requests that are being answered when the input ends may still take: whoever pipes a few calls in waits for their answers. */
const graceMsMax = 4_000;

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
  #hasEnded = false;
  /** How many requests wait for their answer. */
  #unanswered = 0;

  constructor(stdin: Readable, stdout: Writable) {
    this.#stdin = stdin;
    this.#stdout = stdout;
  }

  async start(): Promise<void> {
    const close = () => void this.close();
    this.#stdin.on("data", this.#onData);
    this.#stdin.once("end", this.#onEnd);
    this.#stdin.once("close", this.#onEnd);
    this.#stdin.on("error", close);
    this.#stdout.on("error", close);
    if (this.#stdin.readableEnded || this.#stdin.destroyed) setImmediate(this.#onEnd);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stdin.off("data", this.#onData);
    this.#stdin.pause();
    this.#parts = [];
    this.onclose?.();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    await this.#write(message);
    if (!("id" in message) || "method" in message) return;
    this.#unanswered--;
    this.#closeWhenAnswered();
  }

  #write(message: unknown): Promise<void> {
    // Nobody is there to hear that nobody is there.
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stdout.write(`${JSON.stringify(message)}\n`, () => resolve());
    });
  }

  /** A last message may lack its line's end. */
  readonly #onEnd = (): void => {
    if (this.#hasEnded || this.#isClosed) return;
    this.#hasEnded = true;
    const last = this.#takeLine();
    if (last !== undefined && jsonOf(last) !== undefined) this.#receive(last);
    setTimeout(() => void this.close(), graceMsMax).unref();
    this.#closeWhenAnswered();
  };

  #closeWhenAnswered(): void {
    if (this.#hasEnded && this.#unanswered <= 0) void this.close();
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
    const line = this.#takeLine();
    if (line !== undefined) this.#receive(line);
  }

  /** What has come of the current line; undefined when that is nothing, or too much. */
  #takeLine(): string | undefined {
    const line = Buffer.concat(this.#parts).toString("utf8").trim();
    const isSkipped = this.#isSkipping;
    this.#parts = [];
    this.#bytes = 0;
    this.#isSkipping = false;
    return isSkipped || line === "" ? undefined : line;
  }

  #receive(line: string): void {
    const value = jsonOf(line);
    if (value === undefined) {
      this.#refuse(parseError, "A message is not JSON.");
      return;
    }
    let message: JSONRPCMessage;
    try {
      message = parseJSONRPCMessage(withoutNulls(value));
    } catch {
      const what = Array.isArray(value) ? "Batches are not supported." : "This is no request.";
      this.#refuse(invalidRequest, what, idOf(value));
      return;
    }
    if ("id" in message && "method" in message) this.#unanswered++;
    this.onmessage?.(message);
  }

  #refuse(code: number, message: string, id: RequestId | null = null): void {
    void this.#write({ jsonrpc: "2.0", id, error: { code, message } });
    this.onerror?.(new Error(message));
  }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Some clients write null for what they leave out, which the protocol has no such place for. */
function withoutNulls(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { params, ...rest } = value;
  if (!isObject(params)) return params === null ? rest : value;
  const given = Object.entries(params).filter((entry) => entry[1] !== null);
  return { ...rest, params: Object.fromEntries(given) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function idOf(value: unknown): RequestId | null {
  if (!isObject(value)) return null;
  const { id } = value;
  return typeof id === "string" || Number.isSafeInteger(id) ? (id as RequestId) : null;
}
