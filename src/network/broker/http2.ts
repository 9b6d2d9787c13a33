import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { pipeline } from "node:stream";
import type { RequestHead } from "./check-request.ts";
import type { Filled } from "./fill-request.ts";
import { pairs } from "./http1-headers.ts";
import { headerBytesMax, idleMs, type Joined } from "./joined.ts";
import { maskHeaders, maskResponse } from "./mask-response.ts";
import { type Header, Refusal } from "./refusal.ts";

const streamsMax = 100;
/** What a host may send and a guest has not taken, for a stream and for all of a connection. */
const windowBytes = 1024 * 1024;

/** Carries HTTP/2 between a guest's client and a host, each stream of the one as one of the other. */
export function joinHttp2({ guest, host, requests }: Joined): void {
  const towardsGuest = performServerHandshake(guest, {
    settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: headerBytesMax },
  });
  towardsGuest.on("error", () => undefined);
  towardsGuest.setTimeout(idleMs, () => towardsGuest.destroy());
  const { host: name, port } = requests.destination;
  const towardsHost =
    host instanceof Refusal
      ? host
      : connect(`https://${name}:${port}`, {
          createConnection: () => host,
          settings: {
            enablePush: false,
            initialWindowSize: windowBytes,
            maxHeaderListSize: headerBytesMax,
          },
        });
  if (!(towardsHost instanceof Refusal)) follow(towardsGuest, towardsHost);
  towardsGuest.on("stream", (stream: ServerHttp2Stream, _headers, _flags, raw) => {
    const exchange = new Exchange(stream, { towardsHost, requests });
    void exchange.answer(raw as unknown as string[]);
  });
}

/** One ends with the other, after what is under way. */
function follow(towardsGuest: ServerHttp2Session, towardsHost: ClientHttp2Session): void {
  towardsHost.on("error", () => undefined);
  towardsHost.once("connect", () => towardsHost.setLocalWindowSize(windowBytes));
  towardsHost.once("goaway", () => towardsGuest.close());
  towardsHost.once("close", () => towardsGuest.close());
  towardsGuest.once("close", () => towardsHost.destroy());
}

interface Sides {
  readonly towardsHost: ClientHttp2Session | Refusal;
  readonly requests: Joined["requests"];
}

/** One request and its answer. */
class Exchange {
  readonly #stream: ServerHttp2Stream;
  readonly #sides: Sides;
  #requestTrailers: OutgoingHttpHeaders = {};
  #responseTrailers: OutgoingHttpHeaders = {};

  constructor(stream: ServerHttp2Stream, sides: Sides) {
    this.#stream = stream;
    this.#sides = sides;
    stream.on("error", () => undefined);
    stream.on("trailers", (_headers, _flags, raw: readonly string[] = []) => {
      this.#requestTrailers = asObject(pairs(raw));
    });
    stream.on("wantTrailers", () =>
      this.#attempt(() => stream.sendTrailers(this.#responseTrailers)),
    );
  }

  async answer(raw: readonly string[]): Promise<void> {
    const { towardsHost, requests } = this.#sides;
    const stream = this.#stream;
    try {
      if (towardsHost instanceof Refusal) throw towardsHost;
      const head = headOf(pairs(raw));
      const filled = await requests.prepare(head, authoritiesOf(head.headers));
      if (stream.destroyed) return;
      if (towardsHost.closed || towardsHost.destroyed)
        return stream.close(constants.NGHTTP2_REFUSED_STREAM);
      const sent = towardsHost.request(
        { ...asObject(filled.headers), ":path": filled.target },
        { endStream: stream.endAfterHeaders, waitForTrailers: !stream.endAfterHeaders },
      );
      this.#follow(sent, { filled, method: head.method });
      if (!stream.endAfterHeaders) stream.pipe(sent);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #follow(sent: ClientHttp2Stream, about: { filled: Filled; method: string }): void {
    const stream = this.#stream;
    const { requests } = this.#sides;
    sent.on("error", () => undefined);
    sent.once("close", () => {
      if (sent.rstCode !== constants.NGHTTP2_NO_ERROR && !stream.closed) stream.close(sent.rstCode);
    });
    sent.on("wantTrailers", () => this.#attempt(() => sent.sendTrailers(this.#requestTrailers)));
    sent.on("continue", () => this.#attempt(() => stream.additionalHeaders({ ":status": 100 })));
    sent.on("trailers", (_headers, _flags, raw: readonly string[] = []) => {
      this.#responseTrailers = asObject(maskHeaders(pairs(raw), requests.values.all));
    });
    sent.once("response", (headers, flags, raw: readonly string[] = []) => {
      const status = headers[":status"] ?? 0;
      requests.answered(about.filled, { method: about.method, status });
      const isOver = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      this.#attempt(() => this.#receive(sent, { status, isOver, headers: pairs(raw) }));
    });
    stream.once("close", () => {
      if (!sent.closed) sent.close(stream.rstCode || constants.NGHTTP2_CANCEL);
    });
  }

  #receive(
    sent: ClientHttp2Stream,
    { status, isOver, headers }: { status: number; isOver: boolean; headers: readonly Header[] },
  ): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    const values = () => this.#sides.requests.values.all;
    const masked = maskResponse({ status, headers, hasBody: !isOver }, values);
    stream.respond(asObject(masked.headers), {
      endStream: isOver,
      waitForTrailers: !isOver,
    });
    if (isOver) return void sent.resume();
    pipeline([sent, ...masked.through, stream], (error) => {
      if (error && !stream.closed) stream.close(sent.rstCode || constants.NGHTTP2_INTERNAL_ERROR);
    });
  }

  /** Whatever goes wrong, nothing passes that was not looked at; each side may send what Node does not send on. */
  #attempt(pass: () => void): void {
    try {
      pass();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    const refusal = error instanceof Refusal ? error : unusable;
    const stream = this.#stream;
    this.#sides.requests.refused(refusal.message);
    if (stream.destroyed || stream.closed) return;
    if (stream.headersSent) return void stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    stream.respond({ ":status": refusal.status, ...asObject(refusal.headers) });
    stream.end(refusal.page);
    stream.resume();
  }
}

const unusable = new Refusal(502, "The request, or the host's answer, cannot be sent on as it is.");

function headOf(headers: readonly Header[]): RequestHead {
  const of = (name: string) => headers.find(([one]) => one === name)?.[1] ?? "";
  return { method: of(":method"), target: of(":path"), headers };
}

function authoritiesOf(headers: readonly Header[]): string[] {
  return headers.filter(([name]) => /^(:authority|host)$/.test(name)).map(([, value]) => value);
}

/** As Node takes them; a name that comes more than once keeps all of its values. */
function asObject(headers: readonly Header[]): OutgoingHttpHeaders {
  const object: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of headers) {
    const known = object[name];
    object[name] = known === undefined ? value : [known, value].flat();
  }
  return object;
}
