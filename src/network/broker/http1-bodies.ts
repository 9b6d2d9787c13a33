import type { ClientRequest, IncomingMessage, OutgoingMessage } from "node:http";
import { isWebSocket, pairs } from "./http1-headers.ts";
import type { Header } from "./refusal.ts";

/** Sends what comes before a body now, byte for byte: Node's own `flushHeaders` would write it as UTF-8. */
export function flushHead(message: OutgoingMessage): void {
  message.write("", "latin1");
}

/** Trailers go with it, where it has any. What asks for an upgrade has none, and no end that Node would tell of. */
export function sendBody(asked: IncomingMessage, sent: ClientRequest): void {
  if (isWebSocket(asked)) return void sent.end();
  asked.pipe(sent, { end: false });
  asked.once("end", () => {
    addTrailers(sent, pairs(asked.rawTrailers));
    sent.end();
  });
}

/** Only where the message can have any. */
export function addTrailers(message: OutgoingMessage, trailers: readonly Header[]): void {
  if (trailers.length === 0 || !message.chunkedEncoding) return;
  try {
    message.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]));
  } catch {
    // What Node's parser takes and its writer does not: whoever waits for it learns that something broke.
    message.destroy();
  }
}
