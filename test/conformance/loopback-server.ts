import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { localhostHostValidation, toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, type McpHttpHandler } from "@modelcontextprotocol/server";
import { Service } from "../../src/mcp/service.ts";

/**
 * The server of `pyro mcp serve` behind HTTP on the loopback address, because the suite speaks nothing else. HTTP itself,
 * with its sessions and headers, is the SDK's; pyro has none.
 */
export class LoopbackServer implements AsyncDisposable {
  readonly url: string;
  readonly #http: Server;
  readonly #handler: McpHttpHandler;
  readonly #service: Service;

  private constructor(http: Server, handler: McpHttpHandler, service: Service) {
    const { port } = http.address() as AddressInfo;
    this.url = `http://127.0.0.1:${port}/mcp`;
    this.#http = http;
    this.#handler = handler;
    this.#service = service;
  }

  static async start(): Promise<LoopbackServer> {
    const service = new Service({ profile: "workspace-full" });
    const handler = createMcpHandler(() => service.newServer());
    const isForUs = localhostHostValidation();
    const answer = toNodeHandler(handler);
    const http = createServer((request, response) => {
      // The SDK's type leaves out that some messages have neither; requests have both.
      const whole = request as IncomingMessage & { method: string; url: string };
      if (isForUs(request, response)) void answer(whole, response);
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return new LoopbackServer(http, handler, service);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handler.close();
    this.#http.closeAllConnections();
    this.#http.close();
    this.#service[Symbol.dispose]();
  }
}
