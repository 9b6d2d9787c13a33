import type { ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { JsonObject } from "../model/bounded-json.ts";
import { PyroError } from "../model/errors.ts";
import type { SecretEnv } from "../model/secrets.ts";
import { visibleText } from "../model/text.ts";
import { numberField, readAnswer } from "./answers.ts";
import { cancelOn } from "./cancel-on.ts";
import { type ExecOutcome, isNotStartedReason, type NotStartedReason, outcomeOf } from "./exec.ts";
import { agentFailure, type Meanings, refusalText, statusOf, waitForHeaders } from "./json.ts";
import { type ShellEvent, shellEvents, type TerminalSize, terminalSizeOf } from "./shell-output.ts";

/** Opens a request that may be silent for any time; the caller ends it. */
export type OpenSilent = (
  method: string,
  path: string,
  headers?: OutgoingHttpHeaders,
) => ClientHttp2Stream;

export interface OpenShellRequest extends TerminalSize {
  readonly id: string;
  /** Absent: the guest's usual shell. */
  readonly command?: readonly string[] | undefined;
  readonly env: readonly string[];
  /** Secrets of the workspace, which its supervisor adds to the environment. */
  readonly secretEnv?: SecretEnv | undefined;
  readonly cwd: string;
}

/** A shell as the agent describes it. */
export interface GuestShell extends TerminalSize {
  readonly id: string;
  readonly pid: number;
  readonly ageMs: number;
  readonly idleMs: number;
  readonly firstPosition: number;
  readonly nextPosition: number;
  readonly applicationCursor: boolean;
  readonly bracketedPaste: boolean;
  readonly attachedCount: number;
  /** Undefined while its program runs. */
  readonly ending: ExecOutcome | undefined;
}

export type ShellOpening =
  | { readonly kind: "opened"; readonly shell: GuestShell }
  | {
      readonly kind: "not_started";
      readonly reason: NotStartedReason;
      readonly message: string;
    };

export interface OutputRequest {
  readonly from: number;
  /** Bytes after which the answer ends. Default: none. */
  readonly max?: number | undefined;
  /** Whether to wait for more where there is none. Default false. */
  readonly follow?: boolean | undefined;
  /** Whether the reader counts among those who look on. Default false. */
  readonly attach?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const meanings: Meanings = {
  not_found: "shell_not_found",
  conflict: "shell_ended",
  limit_exceeded: "shell_limit",
};

/** The requests about shells. */
export class ShellClient {
  readonly #open: OpenSilent;

  constructor(open: OpenSilent) {
    this.#open = open;
  }

  async open(request: OpenShellRequest): Promise<ShellOpening> {
    const { secretEnv, ...rest } = request;
    const answer = await this.#call("POST", "/v1/shell/open", { ...rest, secret_env: secretEnv });
    const { not_started: reason, message } = answer;
    if (reason === undefined) return { kind: "opened", shell: shellOf(answer) };
    if (typeof reason === "string" && isNotStartedReason(reason))
      return { kind: "not_started", reason, message: visibleText(String(message ?? ""), 500) };
    throw new PyroError("guest_protocol_error", "The guest agent did not say why no shell began.");
  }

  async list(signal?: AbortSignal): Promise<readonly GuestShell[]> {
    const { shells } = await this.#call("GET", "/v1/shell/list", undefined, signal);
    if (Array.isArray(shells) && shells.length <= shellsMax) return shells.map(shellOf);
    throw new PyroError("guest_protocol_error", "The guest agent listed no usable shells.");
  }

  async status(id: string): Promise<GuestShell> {
    return shellOf(await this.#call("GET", `/v1/shell/status?shell=${id}`));
  }

  /** What the shell wrote, as it comes; it ends with the shell, or with a pause. */
  async *output(id: string, request: OutputRequest): AsyncGenerator<ShellEvent> {
    const { from, max, follow, attach, signal } = request;
    const query = [
      `shell=${id}&from=${from}`,
      max === undefined ? "" : `&max=${max}`,
      follow ? "&follow=1" : "",
      attach ? "&attach=1" : "",
    ].join("");
    const stream = this.#open("GET", `/v1/shell/output?${query}`);
    stream.end();
    const status = statusOf(await waitForHeaders(stream));
    if (status !== 200) throw agentFailure(status, await refusalText(stream), meanings);
    yield* shellEvents(stream, signal);
  }

  /** Types what comes, as it comes; answers how many bytes the terminal took. */
  async input(id: string, bytes: Buffer | Readable): Promise<number> {
    const headers = Buffer.isBuffer(bytes) ? { "content-length": bytes.length } : {};
    const stream = this.#open("POST", `/v1/shell/input?shell=${id}`, headers);
    const answer = readAnswer(stream, meanings);
    if (Buffer.isBuffer(bytes)) stream.end(bytes);
    // What breaks it off is told by the answer.
    else pipeline(bytes, stream).catch(() => undefined);
    return numberField(await answer, "bytes");
  }

  async resize(id: string, { cols, rows }: TerminalSize): Promise<void> {
    await this.#call("POST", `/v1/shell/resize?shell=${id}&cols=${cols}&rows=${rows}`);
  }

  async signal(id: string, name: string): Promise<void> {
    await this.#call("POST", `/v1/shell/signal?shell=${id}&signal=${encodeURIComponent(name)}`);
  }

  async close(id: string): Promise<GuestShell> {
    return shellOf(await this.#call("POST", `/v1/shell/close?shell=${id}`));
  }

  /** Asks a supervisor what a shell shows; aborting ends its waiting. */
  read(question: object, signal?: AbortSignal): Promise<JsonObject> {
    return this.#call("POST", "/v1/shell/read", question, signal);
  }

  async #call(
    method: string,
    path: string,
    body?: object,
    signal?: AbortSignal,
  ): Promise<JsonObject> {
    const stream = this.#open(method, path);
    cancelOn(stream, signal);
    stream.end(body === undefined ? undefined : JSON.stringify(body));
    return await readAnswer(stream, meanings);
  }
}

/** As many as an agent keeps. */
const shellsMax = 64;
const idPattern = /^[a-z0-9][a-z0-9-]{0,63}$/;

function shellOf(answer: unknown): GuestShell {
  const fields = objectOf(answer);
  const { id, end } = fields;
  if (typeof id !== "string" || !idPattern.test(id))
    throw new PyroError("guest_protocol_error", "The guest agent described a shell without an id.");
  return {
    id,
    pid: numberField(fields, "pid"),
    ...terminalSizeOf(fields),
    ageMs: numberField(fields, "age_ms"),
    idleMs: numberField(fields, "idle_ms"),
    firstPosition: numberField(fields, "first_position"),
    nextPosition: numberField(fields, "next_position"),
    applicationCursor: fields.application_cursor === true,
    bracketedPaste: fields.bracketed_paste === true,
    attachedCount: numberField(fields, "attached_count"),
    ending: end === undefined ? undefined : outcomeOf(objectOf(end)),
  };
}

function objectOf(value: unknown): JsonObject {
  if (typeof value === "object" && value !== null) return value as JsonObject;
  throw new PyroError("guest_protocol_error", "The guest agent described no shell.");
}
