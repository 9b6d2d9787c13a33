import type { ClientHttp2Stream } from "node:http2";
import { constants as http2Constants } from "node:http2";
import { finished, type Readable } from "node:stream";
import type { JsonObject } from "../model/bounded-json.ts";
import { cancellation, PyroError } from "../model/errors.ts";
import type { SecretEnv } from "../model/secrets.ts";
import { visibleText } from "../model/text.ts";
import { type Frame, FrameDecoder, frameKind } from "./frames.ts";
import {
  type AnswerHeaders,
  agentFailure,
  channelLost,
  parseJson,
  refusalText,
  statusOf,
  supervisorStatus,
  waitForHeaders,
} from "./json.ts";

export interface ExecRequest {
  /** Program and arguments; never a shell line. */
  readonly command: readonly string[];
  readonly env?: readonly string[] | undefined;
  /** Of a workspace, whose supervisor adds them to the environment. */
  readonly secretEnv?: SecretEnv | undefined;
  readonly cwd?: string | undefined;
  /** 0: no limit. */
  readonly timeoutMs: number;
}

/** Receives output as it comes; a promise holds the guest back until it settles. */
export type OutputSink = (chunk: Buffer) => void | Promise<void>;

export interface ExecEvents {
  /** Absent: the command's standard input is /dev/null. */
  readonly stdin?: Readable | undefined;
  readonly onStdout?: OutputSink | undefined;
  readonly onStderr?: OutputSink | undefined;
  readonly onHeaders?: ((headers: AnswerHeaders) => void) | undefined;
  /** Told before the end when a supervisor could not write the command's end down. */
  readonly onUnjournaled?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface SupervisedExecEvents extends ExecEvents {
  /** Whether the other end is a supervisor, whose refusals are errors of ours already. */
  readonly isSupervised: boolean;
}

const notStartedReasons = [
  "command_not_found",
  "permission_denied",
  "cwd_not_found",
  "user_not_found",
  "process_limit",
  "not_executable",
  "no_space",
  "failed",
] as const;

/** Why a command never ran; another thing than a command that failed. */
export type NotStartedReason = (typeof notStartedReasons)[number];

/** Whether it is one of them. */
export function isNotStartedReason(text: string): text is NotStartedReason {
  return (notStartedReasons as readonly string[]).includes(text);
}

export type ExecOutcome =
  | {
      readonly kind: "exited";
      readonly exitCode: number;
      readonly timedOut: boolean;
      readonly outOfMemory: boolean;
      readonly backgroundProcessCount: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "signalled";
      readonly signal: string;
      readonly timedOut: boolean;
      readonly outOfMemory: boolean;
      readonly backgroundProcessCount: number;
      readonly durationMs: number;
    }
  | { readonly kind: "not_started"; readonly reason: NotStartedReason; readonly message: string };

/** Speaks one exec over `stream`. Aborting the signal kills the command and everything it started. */
export async function runExec(
  stream: ClientHttp2Stream,
  request: ExecRequest,
  events: SupervisedExecEvents,
): Promise<ExecOutcome> {
  const abort = () => stream.close(http2Constants.NGHTTP2_CANCEL);
  if (events.signal?.aborted) abort();
  events.signal?.addEventListener("abort", abort, { once: true });
  const headers = waitForHeaders(stream);
  headers.catch(() => undefined);
  using silence = new Silence(stream, request.timeoutMs);
  try {
    stream.write(encodeRequest(request, events.stdin !== undefined));
    sendStdin(events.stdin, stream);
    const answer = await headers;
    if (statusOf(answer) !== 200) throw agentFailure(statusOf(answer), await refusalText(stream));
    events.onHeaders?.(answer);
    return await readFrames(stream, events, silence);
  } catch (error) {
    if (events.signal?.aborted) throw cancellation(events.signal.reason);
    throw channelLost(error);
  } finally {
    events.signal?.removeEventListener("abort", abort);
    events.stdin?.unpipe(stream);
    stream.destroy();
  }
}

function encodeRequest(request: ExecRequest, hasInput: boolean): Buffer {
  const json = Buffer.from(
    JSON.stringify({
      command: request.command,
      env: request.env,
      secret_env: request.secretEnv,
      cwd: request.cwd,
      timeout_ms: request.timeoutMs,
      no_stdin: hasInput ? undefined : true,
    }),
    "utf8",
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

/** Feeds standard input for as long as the command wants it; its end never decides the outcome. */
function sendStdin(stdin: Readable | undefined, stream: ClientHttp2Stream): void {
  if (stdin === undefined) {
    stream.end();
    return;
  }
  stdin.pipe(stream);
  finished(stdin, { writable: false }, (error) => {
    if (error && !stream.writableEnded) stream.end();
  });
}

async function readFrames(
  stream: ClientHttp2Stream,
  events: SupervisedExecEvents,
  silence: Silence,
): Promise<ExecOutcome> {
  const decoder = new FrameDecoder();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    // While we hold the guest back it owes us nothing.
    silence.pause();
    let outcome: ExecOutcome | undefined;
    for (const frame of decoder.push(chunk)) {
      if (outcome !== undefined)
        throw new PyroError(
          "guest_protocol_error",
          "The guest agent went on after the end of the command.",
        );
      outcome = endIn(frame, events);
      if (outcome === undefined) await deliver(frame, events);
    }
    // The end frame is the last: do not wait for a stream that a hostile agent keeps open.
    if (outcome !== undefined) return outcome;
    silence.listen();
  }
  throw lostBeforeEnd(events);
}

/** What an end says, the agent's or the supervisor's; undefined for frames that go before it. */
function endIn({ kind, payload }: Frame, events: SupervisedExecEvents): ExecOutcome | undefined {
  if (kind === frameKind.end) return parseOutcome(payload);
  if (!events.isSupervised) return undefined;
  if (kind === frameKind.refusal) throw agentFailure(supervisorStatus, payload.toString("utf8"));
  if (kind !== frameKind.unjournaledEnd) return undefined;
  events.onUnjournaled?.();
  return parseOutcome(payload);
}

/** How long a guest may be silent once a command's time is over: killing it takes half a second, on a busy host a few. */
const silenceMsMax = 10_000;

/** Ends a stream on which nothing comes although the time of its command is over: the guest hangs, or lies. */
class Silence implements Disposable {
  readonly #stream: ClientHttp2Stream;
  readonly #dueAt: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: ClientHttp2Stream, timeoutMs: number) {
    this.#stream = stream;
    this.#dueAt = timeoutMs === 0 ? Infinity : performance.now() + timeoutMs;
    this.listen();
  }

  listen(): void {
    if (this.#dueAt === Infinity) return;
    const leftMs = Math.max(0, this.#dueAt - performance.now());
    this.#timer = setTimeout(() => this.#stream.destroy(silent()), leftMs + silenceMsMax);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.pause();
  }
}

function silent(): PyroError {
  return new PyroError(
    "guest_lost",
    `The guest did not end the command within ${silenceMsMax / 1000} s of its time limit.`,
    { hint: "The virtual machine hangs; stop and start it." },
  );
}

function lostBeforeEnd({ isSupervised }: SupervisedExecEvents): PyroError {
  return new PyroError("guest_lost", "The guest stopped before it said how the command ended.", {
    hint: isSupervised
      ? "The workspace may live on, and its log may say how: pyro workspace logs"
      : undefined,
  });
}

async function deliver(frame: Frame, events: ExecEvents): Promise<void> {
  switch (frame.kind) {
    case frameKind.stdout:
      return events.onStdout?.(frame.payload);
    case frameKind.stderr:
      return events.onStderr?.(frame.payload);
    case frameKind.started:
      return;
    default:
      throw new PyroError(
        "guest_protocol_error",
        `The guest agent sent a frame of unknown kind ${frame.kind}.`,
      );
  }
}

/** How the command ended, from its last frame. */
export function parseOutcome(payload: Buffer): ExecOutcome {
  return outcomeOf(parseJson(payload.toString("utf8")));
}

/** The same, of a document that was read already. */
export function outcomeOf(end: JsonObject): ExecOutcome {
  const durationMs =
    typeof end.duration_ms === "number" && end.duration_ms >= 0 ? end.duration_ms : 0;
  const left = end.background_process_count;
  const common = {
    timedOut: end.timed_out === true,
    outOfMemory: end.oom_killed === true,
    backgroundProcessCount: Number.isSafeInteger(left) && Number(left) > 0 ? Number(left) : 0,
    durationMs,
  };
  const { exit_code: exitCode, signal, not_started: reason, message } = end;
  const given = [exitCode, signal, reason].filter((value) => value !== undefined).length;
  if (
    given === 1 &&
    typeof exitCode === "number" &&
    Number.isInteger(exitCode) &&
    exitCode >= 0 &&
    exitCode <= 255
  )
    return { kind: "exited", exitCode, ...common };
  if (given === 1 && typeof signal === "string" && /^[A-Z0-9+]{2,12}$/.test(signal))
    return { kind: "signalled", signal, ...common };
  if (given === 1 && typeof reason === "string" && isNotStartedReason(reason))
    return {
      kind: "not_started",
      reason,
      message: visibleText(String(message ?? ""), 500),
    };
  throw new PyroError(
    "guest_protocol_error",
    "The guest agent did not say in a known way how the command ended.",
  );
}
