import type { IncomingMessage } from "node:http";
import { type Header, Refusal } from "./refusal.ts";

/** Node keeps names and values by turns. */
export function pairs(raw: readonly string[]): Header[] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [
    raw[2 * index] as string,
    raw[2 * index + 1] as string,
  ]);
}

/** As Node takes them. */
export function flat(headers: readonly Header[]): string[] {
  return headers.flat();
}

/** The one protocol that a connection may go over to, from a request without a body. */
export function isWebSocket({
  headers,
  method,
}: Pick<IncomingMessage, "headers" | "method">): boolean {
  const hasBody =
    headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return method === "GET" && !hasBody && headers.upgrade?.toLowerCase() === "websocket";
}

/** Without what is between the client and the broker alone, and what would make answers that cannot be searched. */
export function towardsHost(
  headers: readonly Header[],
  asked: Pick<IncomingMessage, "headers" | "method">,
): readonly Header[] {
  const dropped = isWebSocket(asked)
    ? /^(proxy-connection|sec-websocket-extensions)$/i
    : /^(proxy-connection|upgrade|http2-settings|te)$/i;
  const kept = headers.filter(([name]) => !dropped.test(name));
  if (isWebSocket(asked)) return kept;
  return kept.flatMap(([name, value]): Header[] => {
    if (!/^connection$/i.test(name)) return [[name, value]];
    const options = value.split(",").map((option) => option.trim());
    const left = options.filter((option) => !/^(upgrade|http2-settings|te)$/i.test(option));
    return left.length === 0 ? [] : [[name, left.join(", ")]];
  });
}

/** What a host answered, without how it was framed: that is done anew. */
export function towardsGuest(headers: readonly Header[]): readonly Header[] {
  if (!isPlainlyFramed(headers))
    throw new Refusal(502, "The host's answer is in a transfer encoding that cannot be searched.");
  return headers.filter(([name]) => !/^(transfer-encoding|connection|keep-alive)$/i.test(name));
}

/** Whether there is one way to say where a message ends; Node's parser refuses what has both a length and chunks. */
export function isPlainlyFramed(headers: readonly Header[]): boolean {
  return headers.every(
    ([name, value]) => !/^transfer-encoding$/i.test(name) || /^chunked$/i.test(value),
  );
}

/** With a length where there is no body: Node would send an empty one in chunks. */
export function framed(headers: readonly Header[], method: string): readonly Header[] {
  const isFramed = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
  const needsNone = ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"].includes(method);
  return isFramed || needsNone ? headers : [...headers, ["content-length", "0"]];
}
