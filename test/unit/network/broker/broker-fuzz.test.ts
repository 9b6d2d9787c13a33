import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { BrokeredHost, bodyOf, credential } from "../../../support/brokered-host.ts";
import { randomFrom } from "../../trees/support.ts";

const values = { TOKEN: "canary-S3cret/+value==?&42", KEY: "sk-canary-0123456789abcdef" } as const;
const placeholders = { TOKEN: "ghp_placeholder0000000000", KEY: "sk-placeholder-1111" } as const;
type Name = keyof typeof values;
const names = Object.keys(values) as Name[];
const rounds = 300;

/** One of many requests: as a client writes it, and as the host is to see it. */
interface Round {
  readonly written: Buffer;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly [string, string][];
  readonly body: Buffer;
  readonly trailers: readonly string[];
}

/** A request in which placeholders, and much that only looks like one, stand anywhere. */
function requestOf(below: (count: number) => number, isLast: boolean): Round {
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
  const token = "abcXYZ019-._~!$'()*+,;:@";
  const method = pick(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
  const [path] = text(same, `${token}/`);
  const [query, filledQuery] = text((name) => encodeURIComponent(values[name]), `${token}/?=&%25`);
  const headers: [string, string][] = [];
  const filled: [string, string][] = [];
  for (let count = below(6); count > 0; count--) {
    const [value, filledValue] = text((name) => values[name], `${token} "<>[]{}|\\^\`\xe9`);
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
  const isChunked = method !== "GET" && below(2) === 0;
  const end = isLast ? "Connection: close\r\n" : "";
  const framing = isChunked
    ? "Transfer-Encoding: chunked\r\n"
    : `Content-Length: ${body.length}\r\n`;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = `${method} /${path}?${query} HTTP/1.1\r\nHost: api.example\r\n${end}${framing}${lines}\r\n`;
  const written = isChunked ? inChunks(body, below, `X-End: ${trailer}\r\n`) : body;
  return {
    written: Buffer.concat([Buffer.from(head, "latin1"), written]),
    method,
    target: `/${path}?${filledQuery}`,
    headers: filled,
    body,
    trailers: isChunked ? ["X-End", trailer] : [],
  };
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

describe("any request", () => {
  it("reaches the host as it was sent, but for placeholders, and no answer tells a value", async () => {
    const seed = Date.now() >>> 0;
    const below = randomFrom(seed);
    await using place = await BrokeredHost.start(() => undefined, {
      credentials: names.map((name) =>
        credential(values[name], { name, placeholder: placeholders[name] }),
      ),
    });
    for (let round = 0; round < rounds; round++) {
      const about = `seed ${seed}, round ${round}`;
      const isLast = round % 25 === 24;
      const expected = requestOf(below, true);
      let seen: { asked: IncomingMessage; body: Buffer } | undefined;
      place.answer = async (asked, response) => {
        const body = await bodyOf(asked);
        seen = { asked: asked as unknown as IncomingMessage, body };
        const echo = JSON.stringify([asked.url, asked.rawHeaders, body.toString("latin1")]);
        response.setHeader("x-echo", encodeURIComponent(echo).slice(0, 2000));
        const forms = [
          echo,
          Buffer.from(echo).toString("base64"),
          Buffer.from(echo).toString("hex"),
        ];
        for (const form of forms)
          for (let at = 0; at < form.length; ) {
            const size = 1 + below(isLast ? 7 : 400);
            response.write(form.slice(at, at + size));
            at += size;
          }
        response.end();
      };
      const socket = await place.client();
      let answer = "";
      socket.on("data", (chunk: Buffer) => {
        answer += chunk.toString("latin1");
      });
      // In pieces as well.
      const cut = below(expected.written.length);
      socket.write(expected.written.subarray(0, cut));
      socket.write(expected.written.subarray(cut));
      await new Promise((resolve) => socket.once("close", resolve));
      assert.match(answer, /^HTTP\/1\.1 200 /, `${about}\n${expected.written.toString("latin1")}`);
      assert.ok(seen !== undefined, about);
      const { asked, body } = seen;
      assert.equal(asked.method, expected.method, about);
      assert.equal(asked.url, expected.target, about);
      assert.ok(body.equals(expected.body), about);
      assert.deepEqual(asked.rawTrailers, expected.trailers, about);
      const raw = asked.rawHeaders;
      const got = Array.from({ length: raw.length / 2 }, (_, at) => [raw[2 * at], raw[2 * at + 1]]);
      const own = /^(host|connection|content-length|transfer-encoding|accept-encoding)$/i;
      assert.deepEqual(
        got.filter(([name = ""]) => !own.test(name)),
        expected.headers,
        about,
      );
      const told = withoutChunks(answer);
      for (const tell of tells) assert.ok(!told.includes(tell), `${about}: ${tell}`);
    }
  });
});

/** The sizes of chunks stand between what belongs together. */
function withoutChunks(answer: string): string {
  return answer.replace(/\r\n[0-9a-f]+\r\n/g, "");
}
