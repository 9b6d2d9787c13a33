import { once } from "node:events";
import type { Socket } from "node:net";
import { SocksClient } from "socks";
import { DialError, type DialFailure } from "../dial.ts";
import type { HostProxy } from "./proxy.ts";

/** What the library's messages about the proxy's answer say, which it tells by nothing else. */
const answers: readonly (readonly [RegExp, DialFailure, string])[] = [
  [/ConnectionRefused/, "refused", "was refused by the other side"],
  [/(Network|Host)Unreachable/, "unreachable", "does not get there"],
  [/TTLExpired/, "unreachable", "does not get there"],
  [/NotAllowed/, "failed", "does not allow it"],
  [
    /no accepted authentication type|unknown SOCKS authentication/i,
    "failed",
    "wants other credentials",
  ],
  [/Authentication failed/i, "failed", "refuses the credentials"],
  [/rejected connection|Failure/, "failed", "failed"],
  [/closed/, "failed", "hung up without an answer"],
];

/** Makes `socket`, which leads to the proxy, lead to where it is asked for. */
export async function askSocksProxy(
  { host, port, user, password }: HostProxy,
  socket: Socket,
  destination: { readonly host: string; readonly port: number },
): Promise<Socket> {
  const client = new SocksClient({
    command: "connect",
    proxy: { host, port, type: 5, ...((user || password) && { userId: user, password }) },
    destination,
    // Whoever made the socket ends what takes too long.
    timeout: 2 ** 30,
  });
  // Half a connection is none, and the library waits for the other half.
  const hangUp = () => socket.destroy(new DialError("failed", "closed"));
  socket.once("end", hangUp);
  client.connect(socket);
  try {
    await once(client, "established");
  } catch (error) {
    // The error itself has the credentials.
    const said = error instanceof Error ? error.message : "";
    const [, failure, text] = answers.find(([pattern]) => pattern.test(said)) ?? [];
    throw new DialError(failure ?? "failed", text ?? "does not speak SOCKS");
  } finally {
    socket.off("end", hangUp);
  }
  await settled(socket);
  return socket;
}

/** The library hands on, a turn later, what came with the proxy's answer, and would then let pass what nobody listens to yet. */
async function settled(socket: Socket): Promise<void> {
  const early: Buffer[] = [];
  const keep = (piece: Buffer) => void early.push(piece);
  socket.on("data", keep);
  socket.resume = () => socket;
  await new Promise((resolve) => setImmediate(resolve));
  Reflect.deleteProperty(socket, "resume");
  socket.off("data", keep);
  if (early.length > 0) socket.unshift(Buffer.concat(early));
}
