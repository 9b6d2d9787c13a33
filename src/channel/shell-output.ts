import type { ClientHttp2Stream } from "node:http2";
import type { JsonObject } from "../model/bounded-json.ts";
import { PyroError } from "../model/errors.ts";
import { limits } from "../model/limits.ts";
import { numberField } from "./answers.ts";
import { type ExecOutcome, parseOutcome } from "./exec.ts";
import { type Frame, FrameDecoder, frameKind, shellFrameKind } from "./frames.ts";
import { channelLost, parseJson } from "./json.ts";

/** In characters. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** What comes of a shell's output. */
export type ShellEvent =
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  /** Where the next bytes are; `lostBytes` before them are kept no more. */
  | { readonly kind: "position"; readonly position: number; readonly lostBytes: number }
  | { readonly kind: "size"; readonly size: TerminalSize }
  | { readonly kind: "end"; readonly ending: ExecOutcome }
  /** The answer ends, the shell does not. */
  | { readonly kind: "pause" };

/** The events of an answer, up to the last one; aborting ends them early, which is no error. */
export async function* shellEvents(
  stream: ClientHttp2Stream,
  signal: AbortSignal | undefined,
): AsyncGenerator<ShellEvent> {
  const abort = () => stream.destroy();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const decoder = new FrameDecoder();
    for await (const chunk of stream as AsyncIterable<Buffer>)
      for (const frame of decoder.push(chunk)) {
        const event = eventOf(frame);
        yield event;
        if (event.kind === "end" || event.kind === "pause") return;
      }
    throw channelLost(undefined);
  } catch (error) {
    if (!signal?.aborted) throw channelLost(error);
  } finally {
    signal?.removeEventListener("abort", abort);
    stream.destroy();
  }
}

function eventOf({ kind, payload }: Frame): ShellEvent {
  switch (kind) {
    case frameKind.stdout:
      return { kind: "bytes", bytes: payload };
    case frameKind.end:
      return { kind: "end", ending: parseOutcome(payload) };
    case shellFrameKind.position: {
      const fields = parseJson(payload.toString("utf8"));
      return {
        kind: "position",
        position: numberField(fields, "position"),
        lostBytes: numberField(fields, "lost_bytes"),
      };
    }
    case shellFrameKind.size:
      return { kind: "size", size: terminalSizeOf(parseJson(payload.toString("utf8"))) };
    case shellFrameKind.pause:
      return { kind: "pause" };
    default:
      throw new PyroError(
        "guest_protocol_error",
        `The guest agent sent a frame of unknown kind ${kind}.`,
      );
  }
}

/** What a guest says costs memory here: a size beyond our limits is none. */
export function terminalSizeOf({ cols, rows }: JsonObject): TerminalSize {
  const { shellColsMin, shellColsMax, shellRowsMax } = limits;
  if (isWithin(cols, shellColsMin, shellColsMax) && isWithin(rows, 1, shellRowsMax))
    return { cols, rows };
  throw new PyroError("guest_protocol_error", "The guest agent named no usable terminal size.");
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}
