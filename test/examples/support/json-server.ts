import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Seen {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** An API on loopback that answers JSON with JSON and remembers what it was asked. */
export class JsonServer implements AsyncDisposable {
  readonly url: string;
  readonly seen: Seen[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(answer: (request: Seen) => Reply): Promise<JsonServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const started = new JsonServer(server);
    server.on("request", async (request, response) => {
      const sent = await text(request);
      const seen = {
        path: request.url ?? "",
        headers: request.headers,
        body: sent === "" ? {} : JSON.parse(sent),
      };
      started.seen.push(seen);
      const { status = 200, headers = {}, body } = answer(seen);
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    });
    return started;
  }

  /** Bodies that `path` was sent. */
  bodies(path: string): Record<string, unknown>[] {
    return this.seen.filter((one) => one.path === path).map(({ body }) => body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
