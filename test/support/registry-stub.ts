import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestBlob, TestImage } from "./registry-image.ts";

export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Answers a request or returns false to let the stub answer honestly. */
export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
) => boolean | Promise<boolean>;

export interface StubOptions {
  /** Tried before the honest answer. */
  readonly handler?: Handler;
  /** Serves TLS with this key and certificate. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A registry on loopback that does what a test wants; without a handler it is an honest one. */
export class RegistryStub implements AsyncDisposable {
  /** `HOST:PORT` for references. */
  readonly host: string;
  readonly port: number;
  readonly requests: SeenRequest[] = [];
  handler: Handler;
  readonly #documents = new Map<string, TestBlob>();
  readonly #blobs = new Map<string, TestBlob>();
  readonly #server: Server;

  private constructor(server: Server, options: StubOptions) {
    const { port } = server.address() as AddressInfo;
    this.#server = server;
    this.port = port;
    this.host = `${options.tls ? "localhost" : "127.0.0.1"}:${port}`;
    this.handler = options.handler ?? (() => false);
    server.on("request", (request, response) => void this.#answer(request, response));
  }

  static async start(options: StubOptions = {}): Promise<RegistryStub> {
    const server = options.tls ? createTlsServer(options.tls) : createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new RegistryStub(server, options);
  }

  /** Offers the image as `app:v1`, under `top` if that is an index above it. */
  offer(image: TestImage, top: TestBlob = image.manifest): this {
    for (const document of [image.manifest, top]) this.#documents.set(document.digest, document);
    this.#documents.set("v1", top);
    for (const part of [image.config, ...image.layers]) this.#blobs.set(part.digest, part);
    return this;
  }

  /** Offers a document by its digest alone. */
  offerDocument(document: TestBlob): void {
    this.#documents.set(document.digest, document);
  }

  /** The reference of what is offered. */
  get reference(): string {
    return `${this.host}/app:v1`;
  }

  /** Paths of requests, without the repository's prefix. */
  paths(pattern: RegExp): readonly string[] {
    return this.requests.map(({ path }) => path).filter((path) => pattern.test(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push({ path: request.url ?? "", headers: request.headers });
    // Clients hang up on purpose here.
    response.on("error", () => {});
    if (await this.handler(request, response)) return;
    const path = request.url ?? "";
    const [, kind, name = ""] = /^\/v2\/app\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
    const found = (kind === "manifests" ? this.#documents : this.#blobs).get(name);
    if (found === undefined) return void response.writeHead(404).end('{"errors":[]}');
    if (kind === "manifests") return sendDocument(response, found);
    sendRange(request, response, found.bytes);
  }
}

export function sendDocument(response: ServerResponse, { bytes, mediaType, digest }: TestBlob) {
  response
    .writeHead(200, {
      "content-type": mediaType,
      "content-length": bytes.length,
      "docker-content-digest": digest,
    })
    .end(bytes);
}

/** Honours `Range: bytes=N-` as registries do. */
export function sendRange(request: IncomingMessage, response: ServerResponse, bytes: Buffer) {
  const start = rangeStart(request);
  if (start === 0)
    return void response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  response
    .writeHead(206, {
      "content-length": bytes.length - start,
      "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
    })
    .end(bytes.subarray(start));
}

export function rangeStart(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
}
