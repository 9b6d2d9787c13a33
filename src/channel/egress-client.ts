import { type ClientHttp2Stream, constants } from "node:http2";
import { parseJsonObject } from "../model/bounded-json.ts";
import { PyroError } from "../model/errors.ts";
import { agentFailure, refusalText, statusOf, waitForHeaders } from "./json.ts";

/** A line of either side at most. */
const lineBytesMax = 4096;
const newline = 0x0a;

/**
 * What the guest asks: whether a name exists, or for a connection that one of its programs has begun; and which program that
 * is, which it tells once it knows, before the program can learn of a denial.
 */
export type EgressQuestion =
  | { readonly kind: "name"; readonly id: number; readonly name: string }
  | {
      readonly kind: "connection";
      readonly id: number;
      readonly host: string;
      readonly port: number;
    }
  | ({ readonly kind: "attribution"; readonly id: number } & EgressOrigin);

/** Whose connection it is, by what the guest says. */
export interface EgressOrigin {
  /** `command:SEQUENCE`, `service:NAME` or `shell:ID`; null where nobody can tell. */
  readonly group: string | null;
  /** What the program calls itself. */
  readonly program: string;
}

/** What becomes of a question. A connection that is made is answered by `EgressClient.connection` instead. */
export type EgressAnswer =
  | { readonly answer: "ok" | "unknown" }
  | { readonly answer: "denied"; readonly rule: string; readonly reason: string }
  | {
      readonly answer: "refused" | "unreachable" | "timed_out" | "failed";
      readonly reason?: string;
    };

export type OpenEgressStream = (path: string) => ClientHttp2Stream;

/** The guest's way out: it asks, and whoever opened it answers. */
export class EgressClient {
  readonly #open: OpenEgressStream;

  constructor(open: OpenEgressStream) {
    this.#open = open;
  }

  /** Opens the way out until the answer is closed; `ask` is told every question, and answers with `Egress.answer`. */
  async open(ask: (question: EgressQuestion) => void): Promise<Egress> {
    const stream = this.#open("/v1/egress");
    // The first line comes at once: an agent that has no way out refuses.
    const status = statusOf(await waitForHeaders(stream));
    if (status !== 200) throw agentFailure(status, await refusalText(stream));
    return new Egress(stream, ask);
  }

  /** The connection of a question that was allowed and made; its frames are those of `POST /v1/forward`. */
  connection(id: number): ClientHttp2Stream {
    return this.#open(`/v1/egress/connection?id=${id}`);
  }
}

export class Egress implements Disposable {
  readonly #stream: ClientHttp2Stream;
  readonly #ask: (question: EgressQuestion) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: ClientHttp2Stream, ask: (question: EgressQuestion) => void) {
    this.#stream = stream;
    this.#ask = ask;
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("error", () => undefined);
  }

  answer(id: number, answer: EgressAnswer): void {
    if (!this.#stream.writable) return;
    if (this.#stream.write(`${JSON.stringify({ id, ...answer })}\n`)) return;
    // Who does not read answers is not asked for more.
    this.#stream.pause();
    this.#stream.once("drain", () => this.#stream.resume());
  }

  /** Settles when nothing is asked any more. */
  get closed(): Promise<void> {
    if (this.#stream.closed) return Promise.resolve();
    return new Promise((resolve) => this.#stream.once("close", resolve));
  }

  [Symbol.dispose](): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #receive(chunk: Buffer): void {
    try {
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      for (let end = this.#rest.indexOf(newline); end >= 0; end = this.#rest.indexOf(newline)) {
        const question = parseQuestion(this.#rest.subarray(0, end));
        this.#rest = this.#rest.subarray(end + 1);
        if (question !== undefined) this.#ask(question);
      }
      if (this.#rest.length > lineBytesMax) throw unusable("is too long");
    } catch {
      // A guest that asks in another way than its agent does is given no way out.
      this[Symbol.dispose]();
    }
  }
}

function parseQuestion(line: Buffer): EgressQuestion | undefined {
  if (line.length > lineBytesMax) throw unusable("is too long");
  const { kind, id, name, host, port, group, program } = parseJsonObject(line, unusable);
  // What is told beside, as that there are too many connections.
  if (kind !== "name" && kind !== "connection" && kind !== "attribution") return undefined;
  if (!isNumber(id, Number.MAX_SAFE_INTEGER)) throw unusable("has no number");
  if (kind === "name") return { kind, id, name: text(name, 255) };
  if (kind === "attribution")
    return { kind, id, group: text(group ?? "", 128) || null, program: text(program ?? "", 64) };
  if (!isNumber(port, 65_535)) throw unusable("names no port");
  return { kind, id, host: text(host, 255), port };
}

function isNumber(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max;
}

function text(value: unknown, lengthMax: number): string {
  if (typeof value === "string" && value.length <= lengthMax) return value;
  throw unusable("says something too long, or no text");
}

function unusable(how: string, cause?: unknown): PyroError {
  return new PyroError("guest_protocol_error", `A question of the guest's network ${how}.`, {
    cause,
  });
}
