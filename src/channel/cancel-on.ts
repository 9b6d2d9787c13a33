import type { ClientHttp2Stream } from "node:http2";
import { cancellation } from "../model/errors.ts";

/** Ends the request, and with it what the guest does for it, when the caller gives up. */
export function cancelOn(stream: ClientHttp2Stream, signal: AbortSignal | undefined): void {
  const cancel = () => stream.destroy(cancellation(signal?.reason));
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  stream.once("close", () => signal?.removeEventListener("abort", cancel));
}
