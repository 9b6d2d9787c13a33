import { EventEmitter } from "node:events";
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as requestOf,
  ServerResponse,
} from "node:http";
import { type Duplex, pipeline } from "node:stream";
import type { TLSSocket } from "node:tls";
import { systemErrorCode } from "../../model/errors.ts";
import type { Filled } from "./fill-request.ts";
import { addTrailers, flushHead, sendBody } from "./http1-bodies.ts";
import {
  flat,
  framed,
  isPlainlyFramed,
  pairs,
  towardsGuest,
  towardsHost,
} from "./http1-headers.ts";
import { headerBytesMax, type Joined } from "./joined.ts";
import { Mask, maskHeaders, maskResponse, redactBytes } from "./mask-response.ts";
import { Refusal } from "./refusal.ts";

/** A connection of a guest's client, whose requests go on over one with the host. */
export class Http1Connection {
  readonly #joined: Joined;
  readonly #agent: Agent;
  /** Requests that were asked for and are not answered. */
  #open = 0;
  /** Once the newest request has been sent. */
  #sent: Promise<void> = Promise.resolve();
  #hasRefused = false;

  constructor(joined: Joined) {
    const { guest, host } = joined;
    this.#joined = joined;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
    // One connection is all there is.
    this.#agent.createConnection = (_options, made) => {
      if (!(host instanceof Refusal) && !host.destroyed) return host;
      made?.(hostClosed, host as TLSSocket);
      return undefined;
    };
    if (host instanceof Refusal) return;
    host.once("close", () => this.#endIfDone());
    guest.once("close", () => {
      this.#agent.destroy();
      host.destroy();
    });
  }

  /** One after the other; after one that is refused, none. */
  answer(asked: IncomingMessage, response: ServerResponse): void {
    this.#open++;
    response.once("close", () => {
      this.#open--;
      this.#endIfDone();
    });
    this.#sent = this.#sent
      .then(() => this.#pass(asked, response))
      .catch(() => void this.#joined.guest.destroy());
  }

  /** What asks for an upgrade; the connection is no longer the server's. */
  answerLast(asked: IncomingMessage): void {
    const { guest } = this.#joined;
    // Answers to what was asked before would be mixed with it.
    if (this.#open > 0) return void guest.destroy();
    const response = new ServerResponse(asked);
    response.shouldKeepAlive = false;
    response.assignSocket(guest);
    response.once("finish", () => guest.end());
    this.answer(asked, response);
  }

  async #pass(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#hasRefused) return;
    try {
      if (this.#joined.host instanceof Refusal) throw this.#joined.host;
      this.#send(asked, await this.#prepare(asked), response);
    } catch (error) {
      this.#refuse(response, error instanceof Refusal ? error : ambiguous);
    }
  }

  /** What is no HTTP, or could be taken for two requests. */
  reject(error: Error): void {
    const { guest, requests } = this.#joined;
    const code = systemErrorCode(error) ?? "";
    if (!code.startsWith("HPE_") || !guest.writable) return void guest.destroy();
    const isLarge = code === "HPE_HEADER_OVERFLOW";
    requests.refused(`A client of ${requests.destination.host} sends what is no HTTP: ${code}.`);
    const status = isLarge ? "431 Request Header Fields Too Large" : "400 Bad Request";
    guest.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  }

  async #prepare(asked: IncomingMessage): Promise<Filled> {
    const { method = "", url: target = "", rawHeaders, httpVersion } = asked;
    const headers = pairs(rawHeaders);
    const hosts = headers.filter(([name]) => name.toLowerCase() === "host");
    if (hosts.length > 1 || !isPlainlyFramed(headers) || !/^1\.[01]$/.test(httpVersion))
      throw ambiguous;
    const head = { method, target, headers: towardsHost(headers, asked) };
    return await this.#joined.requests.prepare(
      head,
      hosts.map(([, value]) => value),
    );
  }

  #send(asked: IncomingMessage, filled: Filled, response: ServerResponse): void {
    const { method = "" } = asked;
    const { requests } = this.#joined;
    const sent = requestOf({
      agent: this.#agent,
      method,
      path: filled.target,
      headers: flat(framed(filled.headers, method)),
      insecureHTTPParser: false,
      maxHeaderSize: headerBytesMax,
    });
    const failed = () => this.#refuse(response, hostClosed);
    sent.once("error", failed).on("error", () => undefined);
    sent.once("continue", () => response.writeContinue());
    sent.on("information", ({ statusCode }) => statusCode === 102 && response.writeProcessing());
    sent.once("response", (received) => {
      sent.off("error", failed);
      requests.answered(filled, { method, status: received.statusCode ?? 0 });
      this.#attempt(response, () => this.#receive(sent, received, response));
    });
    sent.once("upgrade", (received, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      requests.answered(filled, { method, status: 101 });
      this.#attempt(response, () => this.#upgrade(received, socket, response));
    });
    sent.once("close", () => asked.resume());
    response.once("close", () => response.writableFinished || sent.destroy());
    flushHead(sent);
    sendBody(asked, sent);
  }

  #receive(sent: ClientRequest, received: IncomingMessage, response: ServerResponse): void {
    const { guest, requests } = this.#joined;
    const { statusCode: status = 0, statusMessage = "", rawHeaders } = received;
    const hasBody = sent.method !== "HEAD" && status !== 204 && status !== 304;
    const values = () => requests.values.all;
    const headers = towardsGuest(pairs(rawHeaders));
    const masked = maskResponse({ status, headers, hasBody }, values);
    response.sendDate = false;
    response.shouldKeepAlive &&= sent.shouldKeepAlive;
    response.writeHead(status, redactBytes(statusMessage, values()), flat(masked.headers));
    flushHead(response);
    received.once("end", () =>
      addTrailers(response, maskHeaders(pairs(received.rawTrailers), values())),
    );
    pipeline([received, ...masked.through, response], (error) => error && guest.destroy());
  }

  /** Whatever goes wrong with an answer, nothing of it passes that was not looked at. */
  #attempt(response: ServerResponse, pass: () => void): void {
    try {
      pass();
    } catch (error) {
      this.#refuse(response, error instanceof Refusal ? error : unusable);
      if (!(this.#joined.host instanceof Refusal)) this.#joined.host.destroy();
    }
  }

  #refuse(response: ServerResponse, refusal: Refusal): void {
    this.#joined.requests.refused(refusal.message);
    this.#hasRefused = true;
    if (response.headersSent || response.destroyed) return void this.#joined.guest.destroy();
    response.sendDate = false;
    response.shouldKeepAlive = false;
    response.writeHead(refusal.status, flat(refusal.headers));
    response.end(response.req.method === "HEAD" ? undefined : refusal.page);
  }

  /** From here on it is no HTTP: what the host sends is masked as it comes. */
  #upgrade(received: IncomingMessage, socket: Duplex, response: ServerResponse): void {
    const { guest, requests } = this.#joined;
    const headers = maskHeaders(pairs(received.rawHeaders), requests.values.all);
    if (headers.some(([name]) => /^sec-websocket-extensions$/i.test(name))) throw unusable;
    response.detachSocket(guest);
    guest.setMaxListeners(2 * EventEmitter.defaultMaxListeners);
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    guest.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`, "latin1");
    const end = () => {
      guest.destroySoon();
      socket.destroy();
    };
    pipeline(guest, socket, (error) => error && end());
    pipeline(socket, new Mask(() => requests.values.all), guest, end);
  }

  /** A host that closed its connection has the client's closed. */
  #endIfDone(): void {
    const { guest, host } = this.#joined;
    if (this.#open === 0 && (host instanceof Refusal || host.destroyed))
      guest.end(() => guest.destroySoon());
  }
}

const ambiguous = new Refusal(400, "The request could be taken for another one than it is.");
const hostClosed = new Refusal(502, "The host closed the connection without an answer.");
const unusable = new Refusal(502, "The host's answer cannot be searched for credentials.");
