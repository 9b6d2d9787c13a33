import { createServer, type Server, type Socket } from "node:net";
import type { AgentClient } from "../../../channel/agent-client.ts";
import { PyroError, systemErrorCode } from "../../../model/errors.ts";
import { limits } from "../../../model/limits.ts";
import { resetConnection } from "../../../platform/reset-connection.ts";
import { ForwardedConnection } from "./forward-connection.ts";
import { describeListener } from "./port-listener.ts";

/** The only address that ports are published on: nobody but this machine reaches it. */
export const publishedHost = "127.0.0.1";

interface Published {
  readonly guestPort: number;
  readonly server: Server;
}

export interface PublishedPortsParts {
  /** The guest's agent; throws while there is none. */
  readonly client: () => AgentClient;
  /** Told when a connection was refused because there are too many. */
  readonly onRefused: (guestPort: number) => void;
}

/** The ports of the host that lead into one guest, for as long as this process looks after it. */
export class PublishedPorts implements AsyncDisposable {
  readonly #parts: PublishedPortsParts;
  readonly #published = new Map<number, Published>();
  readonly #sockets = new Set<Socket>();

  constructor(parts: PublishedPortsParts) {
    this.#parts = parts;
  }

  /** Listens, on a free port when `hostPort` is 0; answers the port. Throws `port_unavailable`. */
  async publish({ hostPort, guestPort }: { hostPort: number; guestPort: number }): Promise<number> {
    // The end of a direction is passed on, and does not end the other.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket, guestPort),
    );
    await listen(server, hostPort);
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : hostPort;
    this.#published.set(port, { guestPort, server });
    return port;
  }

  /** Listens no more; connections that are open are cut. */
  unpublish(hostPort: number): void {
    const published = this.#published.get(hostPort);
    if (published === undefined) return;
    this.#published.delete(hostPort);
    published.server.close();
    for (const socket of this.#sockets) if (socket.localPort === hostPort) resetConnection(socket);
  }

  isPublished(hostPort: number): boolean {
    return this.#published.has(hostPort);
  }

  #accept(socket: Socket, guestPort: number): void {
    // A client that is gone already shows in the connection's own handlers, or here.
    socket.on("error", () => undefined);
    if (this.#sockets.size >= limits.forwardedConnectionsMax) {
      this.#parts.onRefused(guestPort);
      resetConnection(socket);
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    try {
      ForwardedConnection.open(socket, this.#parts.client().forward(guestPort));
    } catch {
      // The guest's agent is gone, or being replaced.
      resetConnection(socket);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const hostPort of [...this.#published.keys()]) this.unpublish(hostPort);
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(unavailable(port, error)));
    server.listen({ host: publishedHost, port, exclusive: true }, () => {
      server.on("error", () => undefined);
      resolve();
    });
  });
}

function unavailable(port: number, error: Error): PyroError {
  const code = systemErrorCode(error);
  if (code === "EADDRINUSE") {
    const owner = describeListener(port);
    const who = owner === undefined ? "another program has it" : `${owner} has it`;
    return new PyroError("port_unavailable", `Port ${port} of this machine is taken: ${who}.`, {
      hint: "Choose another, or none: a free one is found and reported.",
      cause: error,
    });
  }
  if (code === "EACCES")
    return new PyroError("port_unavailable", `Port ${port} of this machine needs privileges.`, {
      hint: "Choose one from 1024 on, or none: a free one is found and reported.",
      cause: error,
    });
  return new PyroError(
    "port_unavailable",
    `Port ${port} of this machine cannot be listened on: ${error.message}.`,
    { cause: error },
  );
}
