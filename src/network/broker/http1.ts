import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Http1Connection } from "./http1-connection.ts";
import { isWebSocket } from "./http1-headers.ts";
import { headerBytesMax, idleMs, type Joined } from "./joined.ts";

/** Carries HTTP/1.1 between a guest's client and a host, each connection of the one over one of the other. */
export class Http1 {
  readonly #server = createServer({
    insecureHTTPParser: false,
    // It would go on with what comes after; whoever checks the host does not.
    requireHostHeader: false,
    maxHeaderSize: headerBytesMax,
    keepAliveTimeout: 0,
    requestTimeout: 0,
    shouldUpgradeCallback: isWebSocket,
  });
  readonly #connections = new WeakMap<Duplex, Http1Connection>();

  constructor() {
    const answer = (asked: IncomingMessage, response: ServerResponse) =>
      this.#connections.get(asked.socket)?.answer(asked, response);
    this.#server.on("request", answer).on("checkContinue", answer).on("checkExpectation", answer);
    this.#server.on("upgrade", (asked: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      this.#connections.get(socket)?.answerLast(asked);
    });
    this.#server.on("clientError", (error: Error, socket: Duplex) =>
      this.#connections.get(socket)?.reject(error),
    );
  }

  join(joined: Joined): void {
    const { guest } = joined;
    this.#connections.set(guest, new Http1Connection(joined));
    this.#server.emit("connection", guest);
    guest.setTimeout(idleMs, () => guest.destroy());
  }
}
