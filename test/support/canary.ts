import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** Listens on every address of this machine, TCP and UDP, on one port, and keeps who came. */
export class Canary implements AsyncDisposable {
  readonly hits: string[] = [];
  readonly #server = createServer((socket) => {
    this.hits.push(`tcp ${socket.localAddress}`);
    socket.on("error", () => undefined).end("canary\n");
  });
  readonly #sockets = (["udp4", "udp6"] as const).map((type) =>
    createSocket({ type, ipv6Only: type === "udp6" }).on("message", () => this.hits.push(type)),
  );
  port = 0;

  static async open(): Promise<Canary> {
    const canary = new Canary();
    canary.#server.listen({ port: 0, host: "::" });
    await once(canary.#server, "listening");
    canary.port = (canary.#server.address() as { port: number }).port;
    for (const socket of canary.#sockets) {
      socket.bind(canary.port);
      await once(socket, "listening");
    }
    return canary;
  }

  /** Since the last time. */
  take(): string[] {
    return this.hits.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.close();
  }
}
