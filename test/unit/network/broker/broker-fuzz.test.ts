import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import { describe, it } from "node:test";
import { BrokeredHost, bodyOf, credential } from "../../../support/brokered-host.ts";
import { randomFrom } from "../../trees/support.ts";

const values = { TOKEN: "canary-S3cret/+value==?&42", KEY: "sk-canary-0123456789abcdef" } as const;
const placeholders = { TOKEN: "ghp_placeholder0000000000", KEY: "sk-placeholder-1111" } as const;
type Name = keyof typeof values;
const names = Object.keys(values) as Name[];
const rounds = 300;
const token = "abcXYZ019-._~!$'()*+,;:@";

type Fields = readonly [string, string][];
type Below = (count: number) => number;

/** One of many requests: as a client sends it, and as the host is to see it. */
interface Round {
  readonly method: string;
  readonly target: string;
  readonly filledTarget: string;
  readonly headers: Fields;
  readonly filledHeaders: Fields;
  readonly body: Buffer;
  /** One field after the body, where there is one. */
  readonly trailer: string | undefined;
}

/** A request in which placeholders, and much that only looks like one, stand anywhere. */
function requestOf(below: Below, headerText = `${token} "<>[]{}|\\^\`\xe9`): Round {
  const pick = <T>(of: readonly T[]) => of[below(of.length)] as T;
  const text = (filling: (name: Name) => string, plain: string): [string, string] => {
    const parts = Array.from({ length: 1 + below(4) }, (): [string, string] => {
      if (below(3) > 0) {
        const some = Array.from({ length: below(12) }, () => plain[below(plain.length)]).join("");
        return [some, some];
      }
      const name = pick(names);
      if (below(2) === 0) return [placeholders[name], filling(name)];
      // Almost one.
      const almost = placeholders[name].slice(0, -1);
      return [`${almost}~`, `${almost}~`];
    });
    return [parts.map(([from]) => from).join(""), parts.map(([, to]) => to).join("")];
  };
  const same = (name: Name) => placeholders[name];
  const method = pick(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
  const [path] = text(same, `${token}/`);
  const [query, filledQuery] = text((name) => encodeURIComponent(values[name]), `${token}/?=&%25`);
  const headers: [string, string][] = [];
  const filled: [string, string][] = [];
  for (let count = below(6); count > 0; count--) {
    const [value, filledValue] = text((name) => values[name], headerText);
    const name = pick(["X-One", "x-api-key", "PRIVATE-TOKEN", "Cookie", "x-two", "Authorization"]);
    headers.push([name, value.trim()]);
    filled.push([name, filledValue.trim()]);
  }
  if (below(3) === 0) {
    const [pair, filledPair] = text((name) => values[name], "abc:");
    const basic = (of: string) => `Basic ${Buffer.from(of).toString("base64")}`.trim();
    headers.push(["authorization", basic(pair)]);
    filled.push(["authorization", basic(filledPair)]);
  }
  const body = Buffer.from(text(same, `${token}\r\n\0\xff`)[0].repeat(below(40)), "latin1");
  const [trailer] = text(same, token);
  const hasTrailer = method !== "GET" && below(2) === 0;
  return {
    method,
    target: `/${path}?${query}`,
    filledTarget: `/${path}?${filledQuery}`,
    headers,
    filledHeaders: filled,
    body,
    trailer: hasTrailer ? trailer : undefined,
  };
}

/** As a client of HTTP/1.1 writes it, which ends with it. */
function written({ method, target, headers, body, trailer }: Round, below: Below): Buffer {
  const framing =
    trailer === undefined ? `Content-Length: ${body.length}` : "Transfer-Encoding: chunked";
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = `${method} ${target} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n${framing}\r\n${lines}\r\n`;
  const rest = trailer === undefined ? body : inChunks(body, below, `X-End: ${trailer}\r\n`);
  return Buffer.concat([Buffer.from(head, "latin1"), rest]);
}

function inChunks(body: Buffer, below: (count: number) => number, trailer: string): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + below(200);
    const piece = body.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
    at += size;
  }
  return Buffer.concat([...parts, Buffer.from(`0\r\n${trailer}\r\n`)]);
}

/** Everything in which a value could be told. */
const tells = Object.values(values).flatMap((value) => [
  value,
  encodeURIComponent(value),
  JSON.stringify(value).slice(1, -1),
  Buffer.from(value).toString("hex"),
  ...[0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), Buffer.from(value)])
      .toString("base64")
      .slice(4, -4),
  ),
]);

/** A host that answers with all that it was asked, in several forms, and what it saw. */
class Echo {
  readonly place: BrokeredHost;
  readonly #below: Below;
  /** By the number that a request has among its headers. */
  readonly seen = new Map<string, { asked: IncomingMessage; body: Buffer }>();

  constructor(place: BrokeredHost, below: Below) {
    this.place = place;
    this.#below = below;
    place.answer = async (asked, response) => {
      const body = await bodyOf(asked);
      this.seen.set(String(asked.headers["x-number"]), {
        asked: asked as unknown as IncomingMessage,
        body,
      });
      const echo = JSON.stringify([asked.url, asked.rawHeaders, body.toString("latin1")]);
      response.setHeader("x-echo", encodeURIComponent(echo).slice(0, 2000));
      const forms = ["latin1", "base64", "hex"] as const;
      for (const form of forms.map((one) => Buffer.from(echo, "latin1").toString(one)))
        for (let at = 0; at < form.length; ) {
          const size = 1 + this.#below(this.#below(25) === 0 ? 7 : 400);
          response.write(form.slice(at, at + size));
          at += size;
        }
      response.end();
    };
  }

  static async start(below: Below): Promise<Echo> {
    const credentials = names.map((name) =>
      credential(values[name], { name, placeholder: placeholders[name] }),
    );
    return new Echo(await BrokeredHost.start(() => undefined, { credentials }), below);
  }

  assertSaw(number: string, expected: Round, about: string): void {
    const { asked, body } = this.seen.get(number) ?? assert.fail(about);
    assert.equal(asked.method, expected.method, about);
    assert.equal(asked.url, expected.filledTarget, about);
    assert.ok(body.equals(expected.body), about);
    const trailers = expected.trailer === undefined ? [] : ["x-end", expected.trailer];
    assert.deepEqual(lowerNames(asked.rawTrailers), trailers, about);
    const raw = lowerNames(asked.rawHeaders);
    const got = Array.from({ length: raw.length / 2 }, (_, at) => [raw[2 * at], raw[2 * at + 1]]);
    const own = /^(:.*|host|connection|content-length|transfer-encoding|accept-encoding|x-number)$/;
    assert.deepEqual(
      got.filter(([name = ""]) => !own.test(name)),
      expected.filledHeaders.map(([name, value]) => [name.toLowerCase(), value]),
      about,
    );
  }
}

/** Of names and values in turn. */
function lowerNames(raw: readonly string[]): string[] {
  return raw.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
}

function assertTellsNothing(answer: string, about: string): void {
  for (const tell of tells) assert.ok(!answer.includes(tell), `${about}: ${tell}`);
}

describe("any request reaches the host as it was sent, but for placeholders, and no answer tells a value", () => {
  const seed = Date.now() >>> 0;

  it("over HTTP/1.1, in pieces", async () => {
    const below = randomFrom(seed);
    const echo = await Echo.start(below);
    await using place = echo.place;
    for (let round = 0; round < rounds; round++) {
      const about = `seed ${seed}, round ${round}`;
      const expected = requestOf(below);
      const bytes = written(
        { ...expected, headers: [...expected.headers, ["X-Number", String(round)]] },
        below,
      );
      const socket = await place.client();
      let answer = "";
      socket.on("data", (chunk: Buffer) => {
        answer += chunk.toString("latin1");
      });
      const cut = below(bytes.length);
      socket.write(bytes.subarray(0, cut));
      socket.write(bytes.subarray(cut));
      await once(socket, "close");
      assert.match(answer, /^HTTP\/1\.1 200 /, `${about}\n${bytes.toString("latin1")}`);
      echo.assertSaw(String(round), expected, about);
      assertTellsNothing(withoutChunks(answer), about);
    }
  });

  it("over HTTP/2, many at once", async () => {
    const below = randomFrom(seed);
    const echo = await Echo.start(below);
    await using place = echo.place;
    const atOnce = 20;
    for (let first = 0; first < rounds; first += atOnce) {
      const socket = await place.client({ ALPNProtocols: ["h2"] });
      const session = connect(`https://${place.host}`, { createConnection: () => socket });
      await Promise.all(
        Array.from({ length: atOnce }, async (_, index) => {
          const number = String(first + index);
          const about = `seed ${seed}, request ${number}`;
          const expected = withNamesOnce(requestOf(below, `${token} "<>[]{}|\\^\``));
          const answer = await askOver(session, { ...expected, number }, below);
          echo.assertSaw(number, expected, about);
          assertTellsNothing(answer, about);
        }),
      );
      session.destroy();
    }
  });
});

/** Node's client puts fields of one name together, and refuses some. */
function withNamesOnce(round: Round): Round {
  const firsts = new Set(
    new Map(round.headers.map(([name], at) => [name.toLowerCase(), at])).values(),
  );
  const once = (fields: Fields) => fields.filter((_, at) => firsts.has(at));
  return { ...round, headers: once(round.headers), filledHeaders: once(round.filledHeaders) };
}

/** Everything that comes back, head and body. */
async function askOver(
  session: ClientHttp2Session,
  { method, target, headers, body, trailer, number }: Round & { readonly number: string },
  below: Below,
): Promise<string> {
  const sent = session.request(
    { ":method": method, ":path": target, "x-number": number, ...Object.fromEntries(headers) },
    { endStream: false, waitForTrailers: trailer !== undefined },
  );
  if (trailer !== undefined) sent.on("wantTrailers", () => sent.sendTrailers({ "x-end": trailer }));
  const answered = once(sent, "response");
  for (let at = 0; at < body.length; ) {
    const size = 1 + below(200);
    sent.write(body.subarray(at, at + size));
    at += size;
  }
  sent.end();
  const [head] = await answered;
  assert.equal(head[":status"], 200);
  return `${JSON.stringify(head)}\n${(await bodyOf(sent)).toString("latin1")}`;
}

/** The sizes of chunks stand between what belongs together. */
function withoutChunks(answer: string): string {
  return answer.replace(/\r\n[0-9a-f]+\r\n/g, "");
}
