import { once } from "node:events";
import { rmSync } from "node:fs";
import http2 from "node:http2";
import type { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { listenUnix } from "../../platform/unix-socket.ts";
import { type RequestContext, serveRequests } from "./requests.ts";

const answerGraceMs = 2_000;

/** Answers whoever connects to a socket, in the place of whoever did before, until the answer is disposed of. */
export async function serveOn(
  socketPath: string,
  context: RequestContext,
): Promise<AsyncDisposable> {
  rmSync(socketPath, { force: true });
  const listener = await listenUnix(socketPath);
  const server = http2.createServer({ settings: { initialWindowSize: 1 << 20 } });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    session.setLocalWindowSize(8 << 20);
    session.on("error", () => undefined);
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  serveRequests(server, context);
  listener.on("connection", (socket) => server.emit("connection", socket));
  return { [Symbol.asyncDispose]: () => closeServer(listener, sessions) };
}

/** Lets answers that are on their way arrive, but not for long. */
async function closeServer(
  listener: Server,
  sessions: ReadonlySet<http2.ServerHttp2Session>,
): Promise<void> {
  listener.close();
  const closed = [...sessions].map((session) => {
    session.close();
    return once(session, "close");
  });
  await Promise.race([Promise.all(closed), sleep(answerGraceMs)]);
}
