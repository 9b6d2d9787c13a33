import type { ClientHttp2Stream } from "node:http2";
import { parseJsonObject } from "../model/bounded-json.ts";
import { PyroError } from "../model/errors.ts";
import type { Readiness, ServiceDefinition } from "../model/service-definition.ts";
import { readAnswer } from "./answers.ts";
import { cancelOn } from "./cancel-on.ts";
import { FrameDecoder, frameKind } from "./frames.ts";
import {
  agentFailure,
  channelLost,
  type Meanings,
  parseJson,
  refusalText,
  statusOf,
  waitForHeaders,
} from "./json.ts";
import { type AgentService, parseService, parseServiceList } from "./service-status.ts";

/** Opens a request; the caller ends it. `mayBeSilent`: it may take any time without a byte. */
export type OpenServiceStream = (
  method: string,
  path: string,
  options: { readonly mayBeSilent: boolean },
) => ClientHttp2Stream;

/** What an agent that speaks of services means. */
const serviceMeanings: Meanings = {
  not_found: "service_not_found",
  conflict: "service_exists",
  limit_exceeded: "service_limit_exceeded",
};

/** A document about all services at most; longer is no agent's. */
const lineBytesMax = 1 << 20;

export interface StartedService {
  readonly name: string;
  readonly definition: ServiceDefinition;
  /** Goes on with the log of the one before. */
  readonly keepsLog: boolean;
}

export interface LogQuery {
  readonly cursor?: number | undefined;
  /** How many of the last lines at least; a few more may come. Default all. */
  readonly tailLines?: number | undefined;
  /** Leaves out what is older. */
  readonly sinceMs?: number | undefined;
  /** Goes on until the service is over. Default false. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A piece of what a service wrote, or how many bytes are missing there. */
export type LogPiece =
  | { readonly stream: "stdout" | "stderr"; readonly atMs: number; readonly bytes: Buffer }
  | { readonly stream: "dropped"; readonly atMs: number; readonly byteCount: number };

export interface LogEnd {
  /** Where what is kept begins. */
  readonly firstCursor: number;
  /** Where to read on. */
  readonly nextCursor: number;
}

/** The requests about services. */
export class ServiceClient {
  readonly #open: OpenServiceStream;

  constructor(open: OpenServiceStream) {
    this.#open = open;
  }

  /** Starts a service and does not wait until it is ready. */
  async start({ name, definition, keepsLog }: StartedService): Promise<AgentService> {
    const stream = this.#open("POST", "/v1/service/start", { mayBeSilent: false });
    stream.end(JSON.stringify(startDocument(name, definition, keepsLog)));
    return parseService(await readAnswer(stream, serviceMeanings));
  }

  async list(): Promise<AgentService[]> {
    const stream = this.#open("GET", "/v1/service/list", { mayBeSilent: false });
    stream.end();
    return parseServiceList(await readAnswer(stream, serviceMeanings));
  }

  /** Waits until a service is ready or over. */
  await(name: string, signal: AbortSignal): Promise<AgentService> {
    return this.#ask("GET", `/v1/service/await?name=${name}`, signal);
  }

  /** Stops a service and waits until it is over. It goes on being stopped when the caller gives up. */
  stop(name: string, signal: AbortSignal): Promise<AgentService> {
    return this.#ask("POST", `/v1/service/stop?name=${name}`, signal);
  }

  async #ask(method: string, path: string, signal: AbortSignal): Promise<AgentService> {
    const stream = this.#open(method, path, { mayBeSilent: true });
    cancelOn(stream, signal);
    stream.end();
    return parseService(await readAnswer(stream, serviceMeanings));
  }

  /** Tells of all services, and then of those that change, until the channel ends. */
  async watch(tell: (services: readonly AgentService[]) => void): Promise<void> {
    const stream = this.#open("GET", "/v1/service/watch", { mayBeSilent: true });
    stream.end();
    const status = statusOf(await waitForHeaders(stream));
    if (status !== 200) throw agentFailure(status, await refusalText(stream), serviceMeanings);
    let rest = Buffer.alloc(0);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
        tell(parseServiceList(parseJsonObject(rest.subarray(0, end), unusable)));
        rest = rest.subarray(end + 1);
      }
      if (rest.length > lineBytesMax) throw unusable("is too long");
    }
  }

  /** Hands on what a service wrote. */
  async logs(
    name: string,
    query: LogQuery,
    hand: (piece: LogPiece) => void | Promise<void>,
  ): Promise<LogEnd> {
    const stream = this.#open("GET", logPath(name, query), { mayBeSilent: query.follow === true });
    cancelOn(stream, query.signal);
    stream.end();
    try {
      const status = statusOf(await waitForHeaders(stream));
      if (status !== 200) throw agentFailure(status, await refusalText(stream), serviceMeanings);
      const decoder = new FrameDecoder();
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        for (const { kind, payload } of decoder.push(chunk)) {
          if (kind === frameKind.end) return parseLogEnd(payload);
          await hand(parsePiece(kind, payload));
        }
      }
    } catch (error) {
      throw channelLost(error);
    } finally {
      stream.destroy();
    }
    throw new PyroError("guest_lost", "The guest stopped before the end of the log.");
  }
}

function startDocument(name: string, definition: ServiceDefinition, keepsLog: boolean): object {
  return {
    name,
    command: definition.command,
    env: Object.entries(definition.env).map(([key, value]) => `${key}=${value}`),
    cwd: definition.cwd,
    readiness: readinessDocument(definition.readiness),
    ready_timeout_ms: definition.readyTimeoutMs,
    ready_interval_ms: definition.readyIntervalMs,
    stop_grace_ms: definition.stopGraceMs,
    restart: definition.restart,
    keep_log: keepsLog,
  };
}

function readinessDocument(readiness: Readiness): object | undefined {
  switch (readiness.kind) {
    case "none":
      return undefined;
    case "file":
      return { file: readiness.path };
    case "tcp":
      return { tcp: readiness.address };
    case "http":
      return { http: readiness.url };
    case "command":
      return { command: readiness.command };
    case "log":
      return { log: readiness.text };
  }
}

function logPath(name: string, { cursor, tailLines, sinceMs, follow }: LogQuery): string {
  const query = [
    `name=${name}`,
    cursor === undefined ? "" : `&cursor=${cursor}`,
    tailLines === undefined ? "" : `&tail_lines=${tailLines}`,
    sinceMs === undefined ? "" : `&since_ns=${BigInt(Math.floor(sinceMs)) * 1_000_000n}`,
    follow ? "&follow=1" : "",
  ];
  return `/v1/service/logs?${query.join("")}`;
}

const timeBytes = 8;

function parsePiece(kind: number, payload: Buffer): LogPiece {
  if (payload.length < timeBytes) throw unusable("is too short");
  const atMs = Number(payload.readBigUInt64BE(0) / 1_000_000n);
  const bytes = payload.subarray(timeBytes);
  switch (kind) {
    case frameKind.stdout:
      return { stream: "stdout", atMs, bytes };
    case frameKind.stderr:
      return { stream: "stderr", atMs, bytes };
    case frameKind.dropped: {
      if (bytes.length !== 8) throw unusable("is too short");
      return { stream: "dropped", atMs, byteCount: Number(bytes.readBigUInt64BE(0)) };
    }
    default:
      throw unusable(`has a frame of kind ${kind}`);
  }
}

function parseLogEnd(payload: Buffer): LogEnd {
  const { first_cursor: firstCursor, next_cursor: nextCursor } = parseJson(
    payload.toString("utf8"),
  );
  const isCursor = (value: unknown): value is number => Number.isSafeInteger(value);
  if (isCursor(firstCursor) && isCursor(nextCursor)) return { firstCursor, nextCursor };
  throw unusable("ends without a cursor");
}

function unusable(how: string, cause?: unknown): PyroError {
  return new PyroError("guest_protocol_error", `What the guest agent said of a service ${how}.`, {
    cause,
  });
}
