import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ownAddresses } from "./outside.ts";

/** A web server of this machine, on an address that is not the guest's loopback too. It says "from outside". */
export class Neighbour implements Disposable {
  /** Its address and port. */
  readonly target: string;
  readonly #server: Server;

  private constructor(server: Server) {
    const { port } = server.address() as AddressInfo;
    const address = ownAddresses().find((one) => /^\d+\./.test(one) && !one.startsWith("127."));
    assert.ok(address !== undefined, "this machine has no address but its loopback");
    this.target = `${address}:${port}`;
    this.#server = server;
  }

  static async start(): Promise<Neighbour> {
    const server = createServer((_request, response) => response.end("from outside\n"));
    server.listen(0, "0.0.0.0");
    await once(server, "listening");
    return new Neighbour(server);
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }
}
