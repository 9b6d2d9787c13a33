import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import { createServer } from "node:https";
import type { Duplex } from "node:stream";
import { after, before, describe, it } from "node:test";
import type { TLSSocket } from "node:tls";
import { issueCa } from "../../../../src/network/broker/certificates.ts";
import {
  BrokeredHost,
  type BrokeredHostOptions,
  bodyOf,
  credential,
  identityOf,
} from "../../../support/brokered-host.ts";
import { until } from "../../../support/until.ts";

const value = "canary-S3cret/+value==?&42";
const { placeholder } = credential(value);
const withCredential = (rest: BrokeredHostOptions = {}) =>
  BrokeredHost.start((asked, response) => void response.end(`${asked.method} ${asked.url}`), {
    credentials: [credential(value)],
    ...rest,
  });

/** All that comes until the other side ends it. */
async function all(socket: Duplex): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

async function said(place: BrokeredHost, text: string): Promise<string> {
  const socket = await place.client();
  socket.write(text, "latin1");
  return await all(socket);
}

describe("the TLS of a guest", () => {
  let place: BrokeredHost;
  before(async () => {
    place = await withCredential();
  });
  after(() => place[Symbol.asyncDispose]());

  it("is for the host that was looked up, and for no other name", async () => {
    for (const [servername, words] of [
      ["other.example", /asks for "other\.example"/],
      ["www.api.example", /asks for "www\.api\.example"/],
      ["", /names no host/],
    ] as const) {
      place.events.length = 0;
      await assert.rejects(place.client({ servername }), /handshake failure/);
      await until("the refusal is told", () => place.events.length > 0);
      const [event] = place.events;
      assert.ok(event?.kind === "refused");
      assert.match(event.reason, words);
    }
  });

  it("tells who does not trust the workspace's authority", async () => {
    place.events.length = 0;
    await assert.rejects(place.client({ ca: issueCa().certificatePem }));
    await until("the refusal is told", () => place.events.length > 0);
    const reason = "A client of api.example does not trust the workspace's certificate authority.";
    assert.deepEqual(place.events, [{ kind: "refused", host: "api.example", port: 443, reason }]);
  });

  it("ends for who speaks none", async () => {
    const { connect } = await import("node:net");
    place.events.length = 0;
    const socket = connect(place.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\nHost: api.example\r\n\r\n");
    await all(socket);
    assert.match(JSON.stringify(place.events), /fails in its TLS handshake/);
  });

  it("offers HTTP/2 where the host speaks it, and HTTP/1.1 to who asks for that", async () => {
    for (const [ALPNProtocols, chosen] of [
      [["h2", "http/1.1"], "h2"],
      [["http/1.1"], "http/1.1"],
      [["h2", "http/1.1"], "h2"],
    ] as const) {
      const socket = await place.client({ ALPNProtocols: [...ALPNProtocols] });
      assert.equal(socket.alpnProtocol, chosen);
      socket.destroy();
    }
    const answer = await said(
      place,
      "GET /x HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 200[\s\S]*GET \/x/);
    await using old = await withCredential({ isOld: true });
    const socket = await old.client({ ALPNProtocols: ["h2", "http/1.1"] });
    assert.equal(socket.alpnProtocol, "http/1.1");
    socket.destroy();
  });
});

describe("a host that does not prove to be who it should be", () => {
  for (const [how, options, words] of [
    ["by another authority", { signedBy: issueCa() }, /does not know who signed/],
    ["for another name", { signedFor: "other.example" }, /is for other hosts/],
  ] as const)
    it(`gets nothing, and its client words: signed ${how}`, async () => {
      const asked: string[] = [];
      await using place = await BrokeredHost.start((one) => asked.push(one.url), {
        credentials: [credential(value)],
        ...options,
      });
      for (let time = 0; time < 2; time++) {
        const answer = await said(
          place,
          `GET / HTTP/1.1\r\nHost: api.example\r\nAuthorization: ${placeholder}\r\n\r\n`,
        );
        assert.match(answer, /^HTTP\/1\.1 502 /);
        assert.match(answer, words);
        assert.ok(!answer.includes(value));
      }
      assert.deepEqual(asked, []);
      assert.ok(place.events.every(({ kind }) => kind === "refused"));
    });
});

describe("requests that a host could take for others", () => {
  let place: BrokeredHost;
  const asked: string[] = [];
  before(async () => {
    place = await withCredential();
    place.answer = async (one, response) => {
      asked.push(`${one.method} ${one.url}`);
      // The body of one that is refused halfway breaks off.
      await bodyOf(one).catch(() => undefined);
      response.end("answered");
    };
  });
  after(() => place[Symbol.asyncDispose]());

  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: api.example\r\n\r\n";
  const begin = "POST /first HTTP/1.1\r\nHost: api.example\r\n";
  const cases: Readonly<Record<string, string>> = {
    "a length and chunks": `${begin}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "chunks and a length": `${begin}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
    "two lengths": `${begin}Content-Length: 0\r\nContent-Length: 47\r\n\r\n${smuggled}`,
    "a list of lengths": `${begin}Content-Length: 0, 47\r\n\r\n${smuggled}`,
    "a signed length": `${begin}Content-Length: +0\r\n\r\n${smuggled}`,
    "an unknown coding": `${begin}Transfer-Encoding: identity\r\n\r\n${smuggled}`,
    "chunks in something": `${begin}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "chunks twice": `${begin}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "chunks with a tab": `${begin}Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n${smuggled}`,
    "a blank before a colon": `${begin}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "a header that goes on": `${begin}X: y\r\n Transfer-Encoding: chunked\r\n\r\n${smuggled}`,
    "a bare line feed": `${begin}X: y\nContent-Length: 0\r\n\r\n${smuggled}`,
    "a bare carriage return": `${begin}X: y\rTransfer-Encoding: chunked\r\n\r\n${smuggled}`,
    "a NUL": `${begin}X: y\0z\r\n\r\n${smuggled}`,
    "a chunk that is too long": `${begin}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n${smuggled}`,
    "a chunk of a negative length": `${begin}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n${smuggled}`,
    "two hosts": `GET /first HTTP/1.1\r\nHost: api.example\r\nHost: other.example\r\n\r\n${smuggled}`,
    "one host twice": `GET /first HTTP/1.1\r\nHost: api.example\r\nHost: api.example\r\n\r\n${smuggled}`,
    "no host": `GET /first HTTP/1.1\r\n\r\n${smuggled}`,
    "a whole URL": `GET https://other.example/first HTTP/1.1\r\nHost: api.example\r\n\r\n${smuggled}`,
    "its own whole URL": `GET https://api.example/first HTTP/1.1\r\nHost: api.example\r\n\r\n${smuggled}`,
    "a fragment": `GET /first#x?${placeholder} HTTP/1.1\r\nHost: api.example\r\n\r\n${smuggled}`,
    "a tunnel": `CONNECT api.example:443 HTTP/1.1\r\nHost: api.example\r\n\r\n${smuggled}`,
    "another version": `GET /first HTTP/3.0\r\nHost: api.example\r\n\r\n${smuggled}`,
    "no HTTP": "\x16\x03\x01 nothing\r\n\r\n",
    "a very large header": `GET /first HTTP/1.1\r\nHost: api.example\r\nX: ${"x".repeat(70_000)}\r\n\r\n`,
  };
  for (const [how, text] of Object.entries(cases))
    it(`are refused: ${how}`, async () => {
      asked.length = 0;
      const answer = await said(place, text);
      assert.match(answer, /^(HTTP\/1\.1 4\d\d |$)/);
      assert.equal(answer.match(/HTTP\/1\.1 /g)?.length ?? 0, answer === "" ? 0 : 1);
      assert.ok(!answer.includes("answered"));
      assert.ok(!asked.some((one) => one.includes("smuggled")), String(asked));
    });

  it("are no bodies that look like requests", async () => {
    asked.length = 0;
    const answer = await said(
      place,
      `${begin}Connection: close\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    );
    assert.match(answer, /answered/);
    assert.deepEqual(asked, ["POST /first"]);
  });
});

describe("what HTTP/1.1 can do", () => {
  let place: BrokeredHost;
  before(async () => {
    place = await withCredential();
  });
  after(() => place[Symbol.asyncDispose]());
  const head = (line: string, rest = "") => `${line} HTTP/1.1\r\nHost: api.example\r\n${rest}\r\n`;

  it("many requests at once are answered in their order, over one connection", async () => {
    const order: string[] = [];
    place.credentials = [
      // The first value takes longest.
      credential(value, {
        value: async () => {
          await new Promise((resolve) => setTimeout(resolve, 20 - order.length));
          return value;
        },
      }),
    ];
    place.answer = async (asked, response) => {
      order.push(`${asked.url} ${await bodyOf(asked)}`);
      setTimeout(() => response.end(`answer to ${asked.url}\n`), asked.url === "/0" ? 50 : 0);
    };
    const last = head("GET /5", "Connection: close\r\n");
    const requests = Array.from({ length: 5 }, (_, index) =>
      index % 2 === 0
        ? head(`GET /${index}`)
        : `${head(`POST /${index}`, "Content-Length: 4\r\n")}body`,
    );
    const answer = await said(place, requests.join("") + last);
    assert.deepEqual(
      answer.match(/answer to \/\d/g),
      [0, 1, 2, 3, 4, 5].map((n) => `answer to /${n}`),
    );
    assert.deepEqual(order, ["/0 ", "/1 body", "/2 ", "/3 body", "/4 ", "/5 "]);
    place.credentials = [credential(value)];
  });

  it("a client that waits to be told to continue is told, or answered at once", async () => {
    let received = "";
    place.server.removeAllListeners("checkContinue");
    place.server.on("checkContinue", async (asked, response) => {
      if (asked.url === "/no") {
        response.writeHead(417);
        return response.end("not this");
      }
      response.writeContinue();
      received = String(await bodyOf(asked));
      response.end("thanks");
    });
    const rest = "Expect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n";
    const socket = await place.client();
    const answer = all(socket);
    let early = "";
    socket.on("data", (chunk) => {
      early += chunk;
    });
    socket.write(head("PUT /yes", rest));
    await until("it is told to continue", () => early.includes("100 Continue"));
    assert.ok(!early.includes("200"));
    socket.write("body");
    assert.match(await answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*thanks/);
    assert.equal(received, "body");
    const refused = await said(place, head("PUT /no", rest));
    assert.match(refused, /^HTTP\/1\.1 417 [\s\S]*not this/);
  });

  it("an answer may come before the request is over", async () => {
    place.answer = (asked, response) => {
      response.writeHead(413, { connection: "close" });
      response.end("too much");
      asked.resume();
    };
    const socket = await place.client();
    const answer = all(socket);
    socket.write(head("PUT /", "Content-Length: 1000000\r\n"));
    socket.write("x".repeat(1000));
    assert.match(await answer, /^HTTP\/1\.1 413 [\s\S]*too much/);
  });

  it("what is streamed arrives as it is written", async () => {
    let next: () => void = () => undefined;
    place.answer = (_asked, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      let count = 0;
      next = () => response.write(`data: ${count++}\n\n`);
      response.write("\n");
    };
    const socket = await place.client();
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.write(head("GET /", `Authorization: ${placeholder}\r\n`));
    await until("the answer begins", () => text.includes("text/event-stream"));
    for (let count = 0; count < 3; count++) {
      next();
      await until(`${count} has come`, () => text.includes(`data: ${count}\n\n`));
    }
    socket.destroy();
  });

  it("a host that closes its connection has the client's closed, and a client that leaves the host's", async () => {
    place.answer = (_asked, response) => void response.end("answered");
    const socket = await place.client();
    const answer = all(socket);
    socket.write(head("GET /"));
    const [upstream] = (await once(place.server, "secureConnection")) as [TLSSocket];
    await once(socket, "data");
    upstream.end();
    assert.match(await answer, /answered/);
    const other = await place.client();
    const [left] = (await once(place.server, "secureConnection")) as [TLSSocket];
    left.on("error", () => undefined);
    other.write(head("GET /"));
    await once(other, "data");
    other.destroy();
    await new Promise((resolve) => left.once("close", resolve));
  });

  it("a host that breaks off has its answer broken off", async () => {
    place.answer = (_asked, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("the beginning");
      setTimeout(() => response.socket.destroy(), 20);
    };
    const answer = await said(place, head("GET /"));
    assert.match(answer, /the beginning$/);
  });

  it("an old client gets an answer without chunks", async () => {
    place.answer = (_asked, response) => {
      response.write("one ");
      response.end("two");
    };
    const answer = await said(place, "GET / HTTP/1.0\r\nHost: api.example\r\n\r\n");
    assert.match(answer, /\r\n\r\none two$/);
    assert.ok(!/transfer-encoding/i.test(answer));
  });
});

describe("a WebSocket", () => {
  it("goes through, and what the host sends is masked", async () => {
    const identity = identityOf("api.example");
    const host = createServer(identity);
    const seen: string[] = [];
    host.on("upgrade", (asked, socket) => {
      seen.push(`${asked.headers.authorization} ${asked.headers["sec-websocket-extensions"]}`);
      const accept = createHash("sha1")
        .update(`${asked.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      socket.on("error", () => undefined);
      socket.once("data", (frame: Buffer) => {
        const mask = frame.subarray(2, 6);
        const text = Buffer.from(
          frame.subarray(6).map((byte, at) => byte ^ (mask[at % 4] as number)),
        );
        seen.push(String(text));
        const answer = Buffer.from(`echo ${text} ${asked.headers.authorization}`);
        socket.write(Buffer.concat([Buffer.of(0x81, answer.length), answer]));
      });
    });
    host.listen(0, "127.0.0.1");
    await once(host, "listening");
    await using place = await BrokeredHost.start(() => undefined, {
      credentials: [credential(value)],
      port: (host.address() as { port: number }).port,
    });
    const socket = await place.client();
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}\r\nSec-WebSocket-Extensions: permessage-deflate\r\nAuthorization: Bearer ${placeholder}\r\n\r\n`,
    );
    const [switched] = await once(socket, "data");
    assert.match(
      String(switched),
      /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*Sec-WebSocket-Accept: \S+=/,
    );
    const text = Buffer.from(`hello ${placeholder}`);
    socket.write(Buffer.concat([Buffer.of(0x81, 0x80 | text.length, 0, 0, 0, 0), text]));
    const [frame] = await once(socket, "data");
    const expected = `echo hello ${placeholder} Bearer ${"*".repeat(value.length)}`;
    assert.equal(String(frame.subarray(2)), expected);
    assert.equal(frame[1], expected.length);
    assert.deepEqual(seen, [`Bearer ${value} undefined`, `hello ${placeholder}`]);
    socket.destroy();
    host.close();
    host.closeAllConnections();
  });

  it("that the host does not want is answered as any request", async () => {
    await using place = await withCredential({ isOld: true });
    const answer = await said(
      place,
      "GET /ws HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 200 OK[\s\S]*GET \/ws/);
  });

  it("is not asked for together with a body", async () => {
    await using place = await withCredential();
    place.answer = async (asked, response) =>
      void response.end(`${asked.headers.upgrade} ${await bodyOf(asked)}`);
    const answer = await said(
      place,
      "GET / HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nbody",
    );
    assert.match(answer, /undefined body/);
  });

  it("is the only other protocol: others are not asked for", async () => {
    await using place = await withCredential();
    place.answer = (asked, response) => void response.end(JSON.stringify(asked.headers));
    const answer = await said(
      place,
      "GET / HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
    );
    assert.match(answer, /"connection":"close"/);
    assert.ok(!/h2c|http2-settings/i.test(answer), answer);
  });
});

describe("what HTTP/2 can do", () => {
  let place: BrokeredHost;
  let session: ClientHttp2Session;
  before(async () => {
    place = await withCredential();
    const socket = await place.client({ ALPNProtocols: ["h2"] });
    session = connectHttp2("https://api.example", { createConnection: () => socket });
    session.on("error", () => undefined);
  });
  after(async () => {
    session.destroy();
    await place[Symbol.asyncDispose]();
  });
  const asking = (headers: OutgoingHttpHeaders, endStream = true) => {
    const stream = session.request(headers, { endStream });
    stream.on("error", () => undefined);
    return stream;
  };

  it("two hundred streams at once are answered, each with its own", async () => {
    place.answer = async (asked, response) => {
      const body = await bodyOf(asked);
      response.end(`${asked.url} ${body} ${asked.headers.authorization}`);
    };
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const headers = { ":method": "POST", ":path": `/${index}`, authorization: placeholder };
        const stream = asking(headers, false);
        stream.end(`body ${index}`);
        return String(await bodyOf(stream));
      }),
    );
    for (const [index, answer] of answers.entries())
      assert.equal(answer, `/${index} body ${index} ${"*".repeat(value.length)}`);
  });

  it("a stream that a client takes back is taken back from the host", async () => {
    let left = false;
    place.answer = (_asked, response) => {
      response.write("the beginning");
      response.stream.once("close", () => {
        left = true;
      });
    };
    const stream = asking({ ":path": "/" });
    await once(stream, "data");
    stream.close(constants.NGHTTP2_CANCEL);
    await until("the host is told", () => left);
  });

  it("a stream that the host breaks off is broken off", async () => {
    place.answer = (_asked, response) => {
      response.write("the beginning");
      setTimeout(() => response.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM), 20);
    };
    const stream = asking({ ":path": "/" });
    stream.resume();
    await new Promise((resolve) => stream.once("close", resolve));
    assert.notEqual(stream.rstCode, constants.NGHTTP2_NO_ERROR);
    // One that was refused before anything was done may be tried again.
    place.answer = (_asked, response) => response.stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const refused = asking({ ":path": "/" });
    refused.resume();
    await new Promise((resolve) => refused.once("close", resolve));
    assert.equal(refused.rstCode, constants.NGHTTP2_REFUSED_STREAM);
  });

  it("trailers that could be taken for something else harm nobody", async () => {
    place.answer = async (asked, response) => {
      await bodyOf(asked);
      response.end(JSON.stringify(asked.trailers));
    };
    const stream = session.request({ ":method": "POST", ":path": "/" }, { waitForTrailers: true });
    stream.on("wantTrailers", () =>
      stream.sendTrailers({ "x-many": ["1", "2"], "x-token": placeholder }),
    );
    stream.end("body");
    const trailers = JSON.parse(String(await bodyOf(stream)));
    assert.deepEqual(trailers, { "x-many": "1, 2", "x-token": placeholder });
  });

  it("a tunnel is none, and other hosts are refused by their stream alone", async () => {
    place.answer = (_asked, response) => void response.end("answered");
    for (const [headers, status] of [
      [{ ":method": "CONNECT", ":authority": "api.example:443" }, 400],
      [{ ":path": "/", ":authority": "other.example" }, 421],
      [{ ":path": "/", ":authority": "api.example", host: "other.example" }, 400],
      [{ ":path": "/?#x" }, 400],
      [{ ":path": "/" }, 200],
    ] as const) {
      const stream = asking(headers);
      stream.end();
      const [answered] = await once(stream, "response");
      assert.equal(answered[":status"], status, JSON.stringify(headers));
      stream.resume();
    }
  });

  it("a host that goes away ends the connection after what is under way", async () => {
    let next: () => void = () => undefined;
    place.answer = (_asked, response) => {
      response.write("the beginning ");
      next = () => {
        response.stream.session?.close();
        response.end("and the end");
      };
    };
    const stream = asking({ ":path": "/" });
    const [begun] = await once(stream, "data");
    next();
    assert.equal(String(begun) + String(await bodyOf(stream)), "the beginning and the end");
    await new Promise((resolve) => session.once("close", resolve));
  });
});

describe("a client that means harm", () => {
  it("with garbage after any handshake costs nobody anything but itself", async () => {
    await using place = await withCredential();
    place.answer = (_asked, response) => void response.end("answered");
    for (const ALPNProtocols of [["h2"], ["http/1.1"]])
      for (const garbage of [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"\xff".repeat(5000)}`,
        `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0${"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08".repeat(2000)}`,
        "\0".repeat(100_000),
        "GET / HTTP/1.1\r\n".repeat(100),
        "",
      ]) {
        const socket = await place.client({ ALPNProtocols });
        socket.end(Buffer.from(garbage, "latin1"));
        socket.resume();
        await new Promise((resolve) => socket.once("close", resolve));
      }
    const answer = await said(
      place,
      "GET / HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n",
    );
    assert.match(answer, /answered$/m);
    await until("all connections are over", () => place.guests.size === 0);
  });
});
