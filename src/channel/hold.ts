import http2, { type ClientHttp2Stream } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { cancellation, PyroError } from "../model/errors.ts";
import { type AnswerHeaders, agentFailure, refusalText, statusOf, waitForHeaders } from "./json.ts";

/** Thawing a disk takes milliseconds. */
const releaseMs = 5_000;

const conflictStatus = 409;
const takeMs = 5_000;
const retryMs = 50;

/** Something held back until this is disposed of. */
export interface Hold extends AsyncDisposable {
  /** Throws when it was let go before: the guest thaws by itself after a minute. */
  requireHeld(): void;
}

/** A hold that lasts as long as the request that `open` begins; aborting gives up waiting for it. */
export async function takeHold(open: () => ClientHttp2Stream, signal?: AbortSignal): Promise<Hold> {
  const stream = await openWhenFree(open, signal);
  stream.on("error", () => undefined);
  stream.resume();
  return {
    requireHeld: () => {
      if (stream.closed || stream.destroyed) throw holdLost();
    },
    [Symbol.asyncDispose]: () => release(stream),
  };
}

/** Somebody who was killed while he held it may leave the guest to notice that for a moment. */
async function openWhenFree(
  open: () => ClientHttp2Stream,
  signal: AbortSignal | undefined,
): Promise<ClientHttp2Stream> {
  const deadline = performance.now() + takeMs;
  for (;;) {
    if (signal?.aborted) throw cancellation(signal.reason);
    const stream = open();
    const status = statusOf(await waitForAnswer(stream, signal));
    if (status === 200) return stream;
    const text = await refusalText(stream);
    if (status !== conflictStatus || performance.now() > deadline) throw agentFailure(status, text);
    await sleep(retryMs);
  }
}

async function waitForAnswer(
  stream: ClientHttp2Stream,
  signal: AbortSignal | undefined,
): Promise<AnswerHeaders> {
  const giveUp = () => stream.destroy(cancellation(signal?.reason));
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    return await waitForHeaders(stream);
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** The answer ends when what was held is let go, not before; only one that never does is cut off. */
async function release(stream: ClientHttp2Stream): Promise<void> {
  if (stream.destroyed) return;
  stream.end();
  const cutOff = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), releaseMs);
  await new Promise((resolve) => stream.once("close", resolve));
  clearTimeout(cutOff);
}

function holdLost(): PyroError {
  return new PyroError("guest_lost", "The guest did not stand still until its disk was copied.", {
    hint: "Copying took more than a minute, or the guest ended; try again when the host is less busy.",
  });
}
