import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { connect as connectTls, getCACertificates, type TLSSocket } from "node:tls";
import { type Address, addressText } from "../address.ts";
import { asDialError, DialError, type DialFailure } from "../dial.ts";
import { askHttpProxy } from "./http-proxy.ts";
import { type HostProxy, proxyText } from "./proxy.ts";
import { askSocksProxy } from "./socks-proxy.ts";

/** For all that it takes; a program waits meanwhile. */
const askMs = 15_000;
/** Of a name's addresses; the proxy takes its time for each that is dead. */
const triesMax = 3;

/** What a proxy is asked for: an address that was decided about, or a name that only the proxy knows. */
export type Asked = Address | string;

/** A connection by way of `proxy` to the first of `asked` that it reaches, and which that is. */
export async function dialByProxy(
  proxy: HostProxy,
  asked: readonly Asked[],
  port: number,
): Promise<{ readonly socket: Socket; readonly index: number }> {
  const deadline = performance.now() + askMs;
  let failure = new DialError("failed", "nothing was asked for");
  for (const [index, one] of asked.slice(0, triesMax).entries()) {
    try {
      const host = typeof one === "string" ? one : addressText(one);
      return { socket: await ask(proxy, { host, port }, deadline), index };
    } catch (error) {
      failure = asProxyError(proxy, error);
      // One that refuses means it; one that could not get there may get elsewhere.
      if (failure.failure !== "unreachable" && failure.failure !== "refused") break;
    }
  }
  throw failure;
}

async function ask(
  proxy: HostProxy,
  target: { readonly host: string; readonly port: number },
  deadline: number,
): Promise<Socket> {
  const raw = createConnection({
    host: proxy.host,
    port: proxy.port,
    noDelay: true,
    keepAlive: true,
    allowHalfOpen: true,
  });
  // Whoever waits is told by what fails of it.
  raw.on("error", () => undefined);
  const late = new DialError("timed_out", "did not answer in time");
  const timer = setTimeout(() => raw.destroy(late), Math.max(0, deadline - performance.now()));
  try {
    await once(raw, "connect").catch((error: unknown) => {
      if (error === late) throw error;
      throw new DialError("failed", `is not reached: ${asDialError(error).message}`);
    });
    if (proxy.kind === "socks5" || proxy.kind === "socks5h")
      return await askSocksProxy(proxy, raw, target);
    return await askHttpProxy(
      proxy,
      proxy.kind === "https" ? await secured(proxy, raw) : raw,
      target,
    );
  } catch (error) {
    raw.destroy();
    throw raw.errored === late ? late : error;
  } finally {
    clearTimeout(timer);
  }
}

async function secured({ host }: HostProxy, raw: Socket): Promise<TLSSocket> {
  const socket = connectTls({
    socket: raw,
    servername: /[:]|^[\d.]+$/.test(host) ? "" : host,
    host,
    ca: [...getCACertificates("default"), ...getCACertificates("system")],
    ALPNProtocols: ["http/1.1"],
  });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  // TLS cannot be reset, but what it is carried by can.
  socket.resetAndDestroy = () => {
    raw.resetAndDestroy();
    return socket.destroy();
  };
  return socket;
}

/** Says which proxy it was, and what of it. */
function asProxyError(proxy: HostProxy, error: unknown): DialError {
  if (error instanceof DialError) return told(proxy, error.failure, error.message);
  return told(proxy, "failed", `failed: ${asDialError(error).message}`);
}

function told(proxy: HostProxy, failure: DialFailure, what: string): DialError {
  const text = `proxy ${proxyText(proxy)} ${what}`;
  return new DialError(failure, text, text);
}
