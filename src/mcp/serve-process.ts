import { Console } from "node:console";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { asPyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";
import type { PyroServer } from "./pyro-server.ts";

/** Clients kill within a tenth of a second what does not go; taking back commands at work needs less than this. */
const farewellMs = 30;
const exitUsage = 2;
const exitFailed = 1;

/** Serves this process's standard streams and ends the process when the client or a signal says so. */
export async function serveProcess(server: PyroServer, stderr: Writable): Promise<never> {
  // Standard output belongs to the protocol; whatever else speaks is redirected.
  globalThis.console = new Console(process.stderr);
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort());
  const say = (text: string) => void stderr.write(`pyro mcp: ${visibleText(text, 500)}\n`);
  try {
    await server.serveStdio({ signal: stop.signal, onError: ({ message }) => say(message) });
    await sleep(farewellMs);
    server[Symbol.dispose]();
    process.exit(0);
  } catch (error) {
    const { code, message, hint } = asPyroError(error);
    stderr.write(`error: ${visibleText(message, 1000)}\n`);
    if (hint !== undefined) stderr.write(`hint: ${visibleText(hint, 2000)}\n`);
    process.exit(code === "invalid_argument" ? exitUsage : exitFailed);
  }
}
