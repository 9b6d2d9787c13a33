import type { CreateServerOptions, PyroServer } from "./pyro-server.ts";

/** An MCP server over this SDK. Throws `invalid_argument` at its first use when an option is not usable. */
export function createServer(options: CreateServerOptions = {}): PyroServer {
  let service: PyroServer | undefined;
  // The protocol's code is large: nobody who does not serve loads it.
  const load = async () => {
    const { Service } = await import("./service.ts");
    service ??= new Service(options);
    return service;
  };
  return {
    serveStdio: async (streams) => (await load()).serveStdio(streams),
    connect: async (transport) => (await load()).connect(transport),
    [Symbol.dispose]: () => service?.[Symbol.dispose](),
  };
}
