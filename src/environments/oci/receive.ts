import type { GuardedResponse } from "./guarded-transport.ts";
import { transferPolicy } from "./limits.ts";
import { networkFailure, stalled } from "./network-failure.ts";

/** The body's chunks, one held at a time; a body that all but stops is given up. */
export async function* receive(
  response: GuardedResponse,
  stallTimeoutMs: number,
): AsyncGenerator<Buffer> {
  let bytesInWindow = 0;
  let isReading = true;
  const watch = setInterval(() => {
    // While the reader is busy with the disk, silence is ours.
    if (isReading && bytesInWindow < transferPolicy.stallBytes)
      response.body.destroy(stalled(response.url, stallTimeoutMs));
    bytesInWindow = 0;
  }, stallTimeoutMs);
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      bytesInWindow += chunk.length;
      isReading = false;
      yield chunk;
      isReading = true;
    }
  } catch (error) {
    throw networkFailure(error, response.url);
  } finally {
    clearInterval(watch);
    response.body.destroy();
  }
}
