import type { ClientHttp2Stream } from "node:http2";
import { channelLost } from "./json.ts";

/** The bytes of an answer; one that is cut off says that the guest is lost. */
export async function* bodyOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer> {
  try {
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    throw channelLost(error);
  }
  // A connection that closes ends its streams without an error.
  if (stream.rstCode !== 0) throw channelLost(undefined);
}
