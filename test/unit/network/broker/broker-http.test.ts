import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { Agent, request } from "node:https";
import { Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { BrokeredHost, bodyOf, credential } from "../../../support/brokered-host.ts";

const value = "canary-S3cret/+value==?&42";
const { placeholder } = credential(value);

/** One request by Node's own client for the version; what came back, as text. */
type Ask = (
  place: BrokeredHost,
  asked: {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Readable | Buffer | string;
  },
) => Promise<{ status: number; headers: string; body: Buffer; trailers: string }>;

const overHttp1: Ask = async (place, { method = "GET", path = "/", headers = {}, body }) => {
  const socket = await place.client();
  const agent = new Agent();
  agent.createConnection = () => socket;
  const sent = request({ agent, host: place.host, method, path, headers });
  const answered = once(sent, "response");
  if (body instanceof Readable) body.pipe(sent);
  else sent.end(body);
  const [received] = (await answered) as [IncomingMessage];
  const bytes = await bodyOf(received);
  socket.destroy();
  return {
    status: received.statusCode ?? 0,
    headers: JSON.stringify(received.rawHeaders),
    body: bytes,
    trailers: JSON.stringify(received.rawTrailers),
  };
};

const overHttp2: Ask = async (place, { method = "GET", path = "/", headers = {}, body }) => {
  const socket = await place.client({ ALPNProtocols: ["h2"] });
  const session = connectHttp2(`https://${place.host}`, { createConnection: () => socket });
  const sent = session.request(
    { ":method": method, ":path": path, ...headers },
    { endStream: body === undefined },
  );
  let trailers = "";
  sent.on("trailers", (all) => {
    trailers = JSON.stringify(all);
  });
  const answered = once(sent, "response");
  if (body instanceof Readable) body.pipe(sent);
  else if (body !== undefined) sent.end(body);
  const [all] = await answered;
  const bytes = await bodyOf(sent);
  session.destroy();
  return { status: all[":status"], headers: JSON.stringify(all), body: bytes, trailers };
};

for (const [version, ask] of [
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const)
  describe(`a credential over ${version}`, () => {
    let place: BrokeredHost;
    before(async () => {
      place = await BrokeredHost.start(() => undefined, {
        credentials: [
          credential(value),
          credential("other-v4lue", {
            name: "OTHER",
            hosts: ["other.example"],
            placeholder: "OTHERPLACE",
          }),
        ],
      });
    });
    after(() => place[Symbol.asyncDispose]());

    it("is in the request that the host gets, and in nothing that comes back", async () => {
      const seen: string[] = [];
      place.answer = async (asked, response) => {
        const body = await bodyOf(asked);
        seen.push(
          String(asked.headers.authorization),
          asked.url,
          String(body),
          String(asked.headers["x-other"]),
        );
        response.writeHead(200, {
          "x-echo": String(asked.headers.authorization),
          location: asked.url,
        });
        response.write(`${asked.headers.authorization} `);
        response.end(asked.url);
      };
      place.events.length = 0;
      const answer = await ask(place, {
        method: "POST",
        path: `/a/${placeholder}?t=${placeholder}`,
        headers: { authorization: `Bearer ${placeholder}`, "x-other": "OTHERPLACE" },
        body: `body ${placeholder}`,
      });
      assert.deepEqual(seen, [
        `Bearer ${value}`,
        `/a/${placeholder}?t=${encodeURIComponent(value)}`,
        `body ${placeholder}`,
        "OTHERPLACE",
      ]);
      const shown = answer.headers + answer.body;
      assert.ok(!shown.includes(value) && !shown.includes(encodeURIComponent(value)), shown);
      assert.match(String(answer.body), /^Bearer \*{26} \/a\/ghp_\w+\?t=\*{38}$/);
      assert.match(answer.headers, /Bearer \[REDACTED:TOKEN\]/);
      assert.deepEqual(place.events, [
        {
          kind: "used",
          credential: "TOKEN",
          host: "api.example",
          port: 443,
          method: "POST",
          status: 200,
        },
      ]);
    });

    it("is in none that has no placeholder, and nothing is counted", async () => {
      place.answer = (asked, response) => void response.end(JSON.stringify(asked.headers));
      place.events.length = 0;
      const { body } = await ask(place, { headers: { authorization: "Bearer mine" } });
      assert.match(String(body), /"authorization":"Bearer mine"/);
      assert.deepEqual(place.events, []);
    });

    it("is masked in trailers, and not put into those of the client", async () => {
      place.answer = async (asked, response) => {
        await bodyOf(asked);
        response.writeHead(200, { trailer: "x-end" });
        response.write("x");
        response.addTrailers({ "x-end": `<${asked.headers.authorization}>` });
        response.end();
      };
      const { trailers, body } = await ask(place, {
        headers: { authorization: `token ${placeholder}` },
      });
      assert.match(trailers, /<token \[REDACTED:TOKEN\]>/);
      assert.equal(String(body), "x");
    });

    it("is masked where a host compresses against what it was asked for", async () => {
      place.answer = (asked, response) => {
        assert.equal(asked.headers["accept-encoding"], "identity");
        response.writeHead(200, { "content-encoding": "gzip" });
        response.end(gzipSync(`<${asked.headers.authorization}>`));
      };
      const headers = { authorization: `token ${placeholder}`, "accept-encoding": "gzip, br" };
      const answer = await ask(place, { headers });
      assert.match(String(answer.body), /^<token \*{26}>$/);
      assert.ok(!answer.headers.includes("content-encoding"));
    });

    it("gets nothing back in an encoding that nobody can look into", async () => {
      place.answer = (_asked, response) => {
        response.writeHead(200, { "content-encoding": "secret" });
        response.end(value);
      };
      const { status, body } = await ask(place, {
        headers: { authorization: `token ${placeholder}` },
      });
      assert.equal(status, 502);
      assert.match(String(body), /cannot be searched/);
    });

    it("asks for the whole of what is answered to it", async () => {
      place.answer = (asked, response) =>
        void response.end(`${asked.headers.range} ${asked.headers["if-range"]}`);
      const ranges = { range: "bytes=0-5", "if-range": "x" };
      assert.equal(String((await ask(place, { headers: ranges })).body), "bytes=0-5 x");
      const { body } = await ask(place, { headers: { ...ranges, authorization: placeholder } });
      assert.equal(String(body), "undefined undefined");
    });

    it("leaves answers without a body as they are", async () => {
      place.answer = (asked, response) => {
        const status = asked.url === "/204" ? 204 : asked.url === "/304" ? 304 : 200;
        response.writeHead(status, {
          etag: "x",
          ...(status === 204 ? {} : { "content-length": "5" }),
        });
        response.end(asked.method === "HEAD" || status !== 200 ? "" : "12345");
      };
      for (const [method, path, status] of [
        ["HEAD", "/", 200],
        ["GET", "/204", 204],
        ["GET", "/304", 304],
        ["GET", "/", 200],
      ] as const) {
        const answer = await ask(place, { method, path, headers: { authorization: placeholder } });
        assert.equal(answer.status, status);
        assert.equal(answer.body.length, method === "GET" && status === 200 ? 5 : 0);
        assert.equal(answer.headers.includes("content-length"), status !== 204);
      }
    });

    it("carries 32 MB each way unharmed, and holds back whoever is not read", async () => {
      const bytes = randomBytes(32 * 1024 * 1024);
      place.answer = async (asked, response) => {
        const got = await bodyOf(asked);
        response.writeHead(200, { "content-length": `${got.length}` });
        Readable.from([got]).pipe(response);
      };
      const { body } = await ask(place, {
        method: "PUT",
        headers: { authorization: placeholder },
        body: Readable.from(chunksOf(bytes)),
      });
      assert.ok(body.equals(bytes));
    });

    it("answers in words where it has no value", async () => {
      const [one] = place.credentials;
      place.credentials = [
        credential(value, { value: () => Promise.reject(new Error("the vault said s3cret")) }),
      ];
      const { status, body } = await ask(place, { headers: { authorization: placeholder } });
      place.credentials = [one as typeof one & object];
      assert.equal(status, 502);
      assert.equal(String(body), "The credential TOKEN has no value now.\n");
      assert.deepEqual(place.events.at(-1), {
        kind: "refused",
        host: "api.example",
        port: 443,
        reason: "The credential TOKEN has no value now.",
      });
    });

    it("is masked as it was before it was renewed", async () => {
      place.answer = (_asked, response) => void response.end(`${value} renewed-v4lue`);
      place.credentials = [credential(value)];
      await ask(place, { headers: { authorization: placeholder } });
      place.credentials = [credential("renewed-v4lue")];
      const { body } = await ask(place, { headers: { authorization: placeholder } });
      assert.match(String(body), /^\*{26} \*{13}$/);
      place.credentials = [credential(value)];
    });

    it("refuses requests to other hosts, and says which", async () => {
      place.answer = (_asked, response) => void response.end("answered");
      for (const headers of [
        { host: "other.example" },
        { host: "api.example.evil.test" },
        { host: "api.example:444" },
      ]) {
        const named = ask === overHttp2 ? { ":authority": headers.host } : headers;
        const { status, body } = await ask(place, { headers: named });
        assert.equal(status, 421);
        assert.match(String(body), new RegExp(`"${headers.host}"`));
      }
      for (const host of ["API.example", "api.example:443", "api.example."]) {
        const named = ask === overHttp2 ? { ":authority": host } : { host };
        assert.equal(String((await ask(place, { headers: named })).body), "answered");
      }
    });
  });

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
