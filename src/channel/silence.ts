import type { ClientHttp2Stream } from "node:http2";
import { PyroError } from "../model/errors.ts";

export interface SilenceOptions {
  readonly silenceMs: number;
  /** Whether the guest answers before the request ends, as it does when something is held. Default false. */
  readonly answersOpen?: boolean | undefined;
}

/** Gives a request up with `guest_lost` when nothing moves though it is the guest's turn to send or to read. */
export function limitSilence(
  stream: ClientHttp2Stream,
  { silenceMs, answersOpen = false }: SilenceOptions,
): void {
  let owesAnswer = answersOpen;
  stream.once("response", () => {
    owesAnswer = false;
  });
  stream.setTimeout(silenceMs, () => {
    const isGuestsTurn = stream.writableFinished
      ? stream.readableLength === 0
      : owesAnswer || stream.writableLength > 0;
    if (isGuestsTurn) stream.destroy(fellSilent(silenceMs));
  });
}

function fellSilent(silenceMs: number): PyroError {
  return new PyroError("guest_lost", `The guest was silent for ${silenceMs / 1000} s.`, {
    hint: "It may hang: try again, or stop and start the workspace.",
  });
}
