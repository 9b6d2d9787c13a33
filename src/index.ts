// The public SDK. Everything a caller may rely on is named here or in sdk.ts; the command line uses nothing else.
export { createServer } from "./mcp/create-server.ts";
export type { ProfileName } from "./mcp/profiles.ts";
export type { CreateServerOptions, PyroServer, ServeStreams } from "./mcp/pyro-server.ts";
export * from "./sdk.ts";
