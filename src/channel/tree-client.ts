import type { ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PyroError } from "../model/errors.ts";
import type { BytePath, TreeEdit } from "../model/tree.ts";
import { numberField, readAnswer, textField } from "./answers.ts";
import { bodyOf } from "./body.ts";
import { cancelOn } from "./cancel-on.ts";
import {
  agentFailure,
  channelLost,
  type Meanings,
  refusalText,
  statusOf,
  waitForHeaders,
} from "./json.ts";

/** Opens a request; the caller ends it. */
export type OpenStream = (
  method: string,
  path: string,
  headers?: OutgoingHttpHeaders,
) => ClientHttp2Stream;

export interface ScanOptions {
  /** 1: one directory. Default: everything below. */
  readonly depth?: number | undefined;
  /** Entries that did not change since this mark are answered as `unchanged`. */
  readonly since?: string | undefined;
  /** Whether to compute the digests of all other files. Default false. */
  readonly digest?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an agent that speaks of paths means. */
const pathMeanings: Meanings = {
  not_found: "workspace_path_not_found",
  conflict: "workspace_path_conflict",
};

/** What becomes of a request that changes the tree. */
export interface ChangeOptions {
  /** For the journal of whoever stands between us and the guest. */
  readonly headers?: OutgoingHttpHeaders | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Extracted {
  readonly entryCount: number;
  readonly bytes: number;
  /** See `mark` in docs/protocol.md. */
  readonly mark: string;
}

/** The requests about a workspace's tree. Paths are relative to it. */
export class TreeClient {
  readonly #open: OpenStream;

  constructor(open: OpenStream) {
    this.#open = open;
  }

  /** The records of what is under `path`, undecoded. */
  scan(path: BytePath, { depth, since, digest, signal }: ScanOptions = {}): Promise<Readable> {
    const query = [
      `path=${encodePath(path)}`,
      depth === undefined ? "" : `&depth=${depth}`,
      since === undefined ? "" : `&since=${since}`,
      digest ? "&digest=1" : "",
    ];
    return this.#download(this.#open("GET", `/v1/tree/scan?${query.join("")}`), signal);
  }

  /** The tree stream of `path`, or of some paths relative to it, undecoded. */
  archive(
    path: BytePath,
    { paths, signal }: { paths?: readonly BytePath[]; signal?: AbortSignal | undefined } = {},
  ): Promise<Readable> {
    if (paths === undefined)
      return this.#download(this.#open("GET", `/v1/tree/archive?path=${encodePath(path)}`), signal);
    const list = Buffer.from(paths.map((one) => `${one}\0`).join(""), "latin1");
    const stream = this.#open(
      "POST",
      `/v1/tree/archive?list=1&path=${encodePath(path)}`,
      announced(list),
    );
    stream.write(list);
    return this.#download(stream, signal);
  }

  /** At most `max` bytes of a file. */
  async read(
    path: BytePath,
    { max, signal }: { max: number; signal?: AbortSignal | undefined },
  ): Promise<{ content: Buffer; size: number; mode: number }> {
    const stream = this.#open("GET", `/v1/tree/read?path=${encodePath(path)}&max=${max}`);
    const headers = waitForHeaders(stream);
    // What is wrong with them is told by the download, which waits for them too.
    headers.catch(() => undefined);
    const body = await this.#download(stream, signal);
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > max)
          throw new PyroError("guest_protocol_error", "The guest sent more than was asked for.");
        chunks.push(chunk);
      }
    } catch (error) {
      throw channelLost(error);
    }
    const { "x-pyro-size": size, "x-pyro-mode": mode } = await headers;
    return {
      content: Buffer.concat(chunks),
      size: boundedNumber(size, 10, Number.MAX_SAFE_INTEGER),
      mode: boundedNumber(mode, 8, 0o7777),
    };
  }

  /** Applies a tree stream under the directory `path`. */
  async extract(
    path: BytePath,
    tree: AsyncIterable<Buffer>,
    options: ChangeOptions = {},
  ): Promise<Extracted> {
    const stream = this.#change(`/v1/tree/extract?path=${encodePath(path)}`, options);
    return extractedOf(await upload(stream, Readable.from(tree, { objectMode: false })));
  }

  /** Makes the tree that came with the disk the one of `records`, which have no content. */
  async adopt(records: Buffer, options: ChangeOptions = {}): Promise<Extracted> {
    const stream = this.#change("/v1/tree/adopt", options, announced(records));
    return extractedOf(await upload(stream, Readable.from([records], { objectMode: false })));
  }

  /** Replaces the content of one file, atomically. */
  async write(
    path: BytePath,
    content: Buffer,
    options: ChangeOptions = {},
  ): Promise<{ bytes: number; created: boolean }> {
    const url = `/v1/tree/write?path=${encodePath(path)}`;
    const stream = this.#change(url, options, announced(content));
    const answer = await upload(stream, Readable.from([content], { objectMode: false }));
    return { bytes: numberField(answer, "bytes"), created: answer.created === true };
  }

  /** Does all of `operations` or none. */
  async edit(operations: readonly TreeEdit[], options: ChangeOptions = {}): Promise<void> {
    const body = encodeEdit(operations);
    const stream = this.#change("/v1/tree/edit", options, announced(...body));
    await upload(stream, Readable.from(body, { objectMode: false }));
  }

  /** A moment that lies between all changes before it and all after it. */
  async mark(): Promise<string> {
    const stream = this.#open("POST", "/v1/tree/mark");
    stream.end();
    return markOf(await readAnswer(stream));
  }

  #change(
    path: string,
    { headers, signal }: ChangeOptions,
    length: OutgoingHttpHeaders = {},
  ): ClientHttp2Stream {
    const stream = this.#open("POST", path, { ...headers, ...length });
    cancelOn(stream, signal);
    return stream;
  }

  /** The body of a successful answer. */
  async #download(stream: ClientHttp2Stream, signal: AbortSignal | undefined): Promise<Readable> {
    cancelOn(stream, signal);
    stream.end();
    const status = statusOf(await waitForHeaders(stream));
    if (status === 200) return Readable.from(bodyOf(stream), { objectMode: false });
    throw agentFailure(status, await refusalText(stream), pathMeanings);
  }
}

/**
 * The length of a body, because a request that is given up ends like a whole one before it is reset. Tree streams need
 * none: they say where they end.
 */
function announced(...body: readonly Buffer[]): OutgoingHttpHeaders {
  return { "content-length": body.reduce((sum, { length }) => sum + length, 0) };
}

/** Sends a body; a refusal is told by the answer, not by the broken pipe it causes here. */
async function upload(stream: ClientHttp2Stream, body: Readable): Promise<Record<string, unknown>> {
  const answer = readAnswer(stream, pathMeanings);
  answer.catch(() => undefined);
  try {
    await pipeline(body, stream, { end: true });
  } catch (error) {
    if (body.errored) throw body.errored;
    // The answer says more.
    await answer;
    throw channelLost(error);
  }
  return await answer;
}

function encodeEdit(operations: readonly TreeEdit[]): Buffer[] {
  const json = Buffer.from(JSON.stringify({ operations: operations.map(planStep) }), "utf8");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  const contents = operations.flatMap((one) =>
    one.op === "write" && one.content.length > 0 ? [one.content] : [],
  );
  return [Buffer.concat([length, json]), ...contents];
}

function planStep(edit: TreeEdit): Record<string, unknown> {
  const { op, expect } = edit;
  const step = { op, expect, path: jsonPath(edit.path) };
  switch (edit.op) {
    case "write":
      return { ...step, size: edit.content.length, mode: octal(edit.mode) };
    case "mode":
      return { ...step, mode: octal(edit.mode) };
    case "symlink":
      return { ...step, target: jsonPath(edit.target) };
    case "delete":
      return step;
  }
}

function octal(mode: number | undefined): string | undefined {
  return mode?.toString(8).padStart(4, "0");
}

/** A path in JSON: text where it is UTF-8, else its bytes. */
function jsonPath(path: BytePath): string | { base64: string } {
  const bytes = Buffer.from(path, "latin1");
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : { base64: bytes.toString("base64") };
}

/** A path in a query, byte by byte. */
function encodePath(path: BytePath): string {
  return path.replace(
    /[^A-Za-z0-9/._-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function extractedOf(answer: Record<string, unknown>): Extracted {
  return {
    entryCount: numberField(answer, "entry_count"),
    bytes: numberField(answer, "bytes"),
    mark: markOf(answer),
  };
}

function markOf(answer: Record<string, unknown>): string {
  const mark = textField(answer, "mark");
  if (/^\d{1,20}$/.test(mark)) return mark;
  throw new PyroError("guest_protocol_error", "The guest agent answered without a usable mark.");
}

function boundedNumber(header: string | string[] | undefined, base: 8 | 10, max: number): number {
  const value =
    typeof header === "string" && /^\d{1,16}$/.test(header) ? parseInt(header, base) : -1;
  if (value >= 0 && value <= max) return value;
  throw new PyroError("guest_protocol_error", "The guest agent answered without a file's size.");
}
