import { once } from "node:events";
import { type IncomingMessage, request, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { destinationText } from "../../model/egress.ts";
import { DialError, type DialFailure } from "../dial.ts";
import type { HostProxy } from "./proxy.ts";

/** More is no answer to a request for a connection. */
const headerBytesMax = 16 << 10;

/** What a proxy could not do, and not what it would not. */
const failures: Readonly<Record<number, DialFailure>> = {
  502: "unreachable",
  503: "unreachable",
  504: "unreachable",
};

/** Makes `socket`, which leads to the proxy, lead to where it is asked for. */
export async function askHttpProxy(
  { user, password }: HostProxy,
  socket: Socket,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Socket> {
  const authority = destinationText(host, port);
  const credentials = Buffer.from(`${user}:${password}`).toString("base64");
  const asked = request({
    method: "CONNECT",
    path: authority,
    headers: {
      host: authority,
      ...((user || password) && { "proxy-authorization": `Basic ${credentials}` }),
    },
    maxHeaderSize: headerBytesMax,
    createConnection: () => socket,
  });
  asked.end();
  const [{ statusCode = 0 }, , head] = await answerOf(asked);
  if (statusCode < 200 || statusCode > 299) {
    const words = STATUS_CODES[statusCode] ?? "";
    throw new DialError(failures[statusCode] ?? "failed", `answered ${statusCode} ${words}`.trim());
  }
  // What the other side said first came with it.
  if (head.length > 0) socket.unshift(head);
  return socket;
}

async function answerOf(
  asked: ReturnType<typeof request>,
): Promise<[IncomingMessage, Socket, Buffer]> {
  // One that goes on after its answer fails too late for anybody to be told.
  asked.on("error", () => undefined);
  try {
    return (await once(asked, "connect")) as [IncomingMessage, Socket, Buffer];
  } catch (error) {
    if (error instanceof DialError) throw error;
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "HPE_HEADER_OVERFLOW") throw new DialError("failed", "answered with too much");
    if (code.startsWith("HPE_")) throw new DialError("failed", "does not speak HTTP");
    if (code === "ECONNRESET" || code === "EPIPE")
      throw new DialError("failed", "hung up without an answer");
    throw error;
  }
}
