import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createWebServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, it, mock } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { parseAddress } from "../../../src/network/address.ts";
import { DialError } from "../../../src/network/dial.ts";
import { dialByProxy } from "../../../src/network/proxies/dial-by-proxy.ts";
import { parseProxy } from "../../../src/network/proxies/proxy.ts";

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  return listening(server);
}

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const dead = parseAddress("203.0.113.1") ?? [];
const target = parseAddress("203.0.113.2") ?? [];

function dialBy(url: string, asked: Parameters<typeof dialByProxy>[1] = [target]) {
  return dialByProxy(parseProxy("ALL_PROXY", url) ?? assert.fail(url), asked, 7);
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => assert.fail("it was made"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DialError, String(error));
  assert.doesNotMatch(JSON.stringify([error, error.message, error.told, error.stack]), /hunter2/);
  return `${error.failure}: ${error.told.replace(/127\.0\.0\.1:\d+/, "P")}`;
}

describe("an HTTP proxy", () => {
  it("is asked for the address, with credentials, and carries both directions to their ends", async () => {
    const asked: unknown[] = [];
    const proxy = createWebServer();
    proxy.on("connect", (request, socket: Socket, head) => {
      asked.push([request.url, request.headers.host, request.headers["proxy-authorization"]]);
      // What comes in one piece with the answer is the other side's.
      socket.write("HTTP/1.1 200 fine\r\nX: y\r\n\r\nhello ");
      socket.unshift(head);
      socket.on("data", (data) => socket.write(data)).on("end", () => socket.end("bye"));
    });
    const url = `http://me:hun%20ter2@127.0.0.1:${await listening(proxy)}`;
    const { socket, index } = await dialBy(url);
    socket.end("world ");
    assert.equal(await text(socket), "hello world bye");
    assert.equal(index, 0);
    const credentials = Buffer.from("me:hun ter2").toString("base64");
    assert.deepEqual(asked, [["203.0.113.2:7", "203.0.113.2:7", `Basic ${credentials}`]]);
  });

  it("that cannot get to one address is asked for the next, and one that refuses is not", async () => {
    const asked: (string | undefined)[] = [];
    const proxy = createWebServer();
    proxy.on("connect", (request, socket: Socket) => {
      asked.push(request.url);
      const isDead = request.url?.startsWith("203.0.113.1:");
      socket.end(isDead ? "HTTP/1.1 502 no\r\n\r\n" : "HTTP/1.1 403 no\r\n\r\n");
    });
    const url = `http://127.0.0.1:${await listening(proxy)}`;
    const many = [dead, target, dead];
    assert.equal(await failureOf(dialBy(url, many)), "failed: proxy P answered 403 Forbidden");
    assert.deepEqual(asked, ["203.0.113.1:7", "203.0.113.2:7"]);
    assert.equal(
      await failureOf(dialBy(url, Array(20).fill(dead))),
      "unreachable: proxy P answered 502 Bad Gateway",
    );
    assert.equal(asked.length, 5);
  });

  const odd: readonly (readonly [string, (socket: Socket) => void, string])[] = [
    [
      "wants credentials",
      (socket) => socket.end("HTTP/1.1 407 hunter2\r\nProxy-Authenticate: Basic\r\n\r\n"),
      "failed: proxy P answered 407 Proxy Authentication Required",
    ],
    [
      "makes up a status",
      (socket) => socket.end("HTTP/1.1 799 hunter2\r\n\r\n"),
      "failed: proxy P answered 799",
    ],
    [
      "speaks garbage",
      (socket) => socket.write(Buffer.alloc(64, 1)),
      "failed: proxy P does not speak HTTP",
    ],
    [
      "speaks SSH",
      (socket) => socket.write("SSH-2.0-x\r\n"),
      "failed: proxy P does not speak HTTP",
    ],
    [
      "sends a huge header",
      (socket) => {
        socket.write("HTTP/1.1 200 fine\r\nX: ");
        const pour = () => {
          while (!socket.destroyed && socket.write("x".repeat(65_536)));
        };
        socket.on("drain", pour);
        pour();
      },
      "failed: proxy P answered with too much",
    ],
    ["hangs up", (socket) => socket.destroy(), "failed: proxy P hung up without an answer"],
    [
      "ends in the middle",
      (socket) => socket.end("HTTP/1.1 20"),
      "failed: proxy P hung up without an answer",
    ],
    [
      "answers nothing and ends",
      (socket) => socket.resume().end(),
      "failed: proxy P hung up without an answer",
    ],
  ];
  for (const [what, onConnection, expected] of odd)
    it(`that ${what} is told of, and nothing of its words`, async () => {
      const port = await listen(onConnection);
      assert.equal(await failureOf(dialBy(`http://me:hunter2@127.0.0.1:${port}`)), expected);
    });

  it("over TLS is believed when this machine trusts it, and reset as others are", async () => {
    const directory = mkdtempSync(join(tmpdir(), "pyro-test-"));
    const [key, certificate] = [join(directory, "key"), join(directory, "certificate")];
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
        ...["-keyout", key, "-out", certificate, "-subj", "/CN=proxy"],
        ...["-addext", "subjectAltName=IP:127.0.0.1"],
      ],
      { stdio: "ignore" },
    );
    const [cert, own] = [readFileSync(certificate, "utf8"), readFileSync(key, "utf8")];
    rmSync(directory, { recursive: true });
    const proxy = createSecureServer({ key: own, cert });
    const { promise: reset, resolve } = Promise.withResolvers<Error>();
    proxy.on("connect", (_request, socket: Socket) => {
      socket.on("error", resolve).write("HTTP/1.1 200 fine\r\n\r\nhello");
    });
    const url = `https://me:hunter2@127.0.0.1:${await listening(proxy)}`;
    assert.match(
      await failureOf(dialBy(url)),
      /^failed: proxy P failed: DEPTH_ZERO_SELF_SIGNED_CERT$/,
    );
    const trusted = getCACertificates("default");
    setDefaultCACertificates([...trusted, cert]);
    try {
      const { socket } = await dialBy(url);
      const [said] = await once(socket, "data");
      assert.equal(String(said), "hello");
      socket.resetAndDestroy();
      assert.equal(((await reset) as NodeJS.ErrnoException).code, "ECONNRESET");
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it("that is not there is told of", async () => {
    const server = createServer();
    const port = await listening(server);
    server.close();
    assert.equal(
      await failureOf(dialBy(`http://me:hunter2@127.0.0.1:${port}`)),
      "failed: proxy P is not reached: ECONNREFUSED",
    );
  });

  for (const scheme of ["http", "https", "socks5"])
    it(`of ${scheme} that hangs is given up`, async () => {
      const { promise: asked, resolve } = Promise.withResolvers<Socket>();
      const port = await listen((socket) => socket.once("data", () => resolve(socket)));
      mock.timers.enable({ apis: ["setTimeout"] });
      try {
        const failure = failureOf(dialBy(`${scheme}://me:hunter2@127.0.0.1:${port}`));
        const ended = once((await asked).resume(), "end");
        mock.timers.tick(15_000);
        assert.equal(await failure, "timed_out: proxy P did not answer in time");
        await ended;
      } finally {
        mock.timers.reset();
      }
    });
});

/** Answers as SOCKS 5 says, by what `decide` says of a request. */
function socksServer(decide: (request: Buffer) => Buffer, credentials?: string) {
  return (socket: Socket) => {
    socket.once("data", (hello) => {
      const wants = credentials === undefined ? 0 : 2;
      socket.write(Buffer.from([5, hello.subarray(2).includes(wants) ? wants : 0xff]));
      const answer = () =>
        socket.once("data", (request) => {
          socket.write(decide(request));
          socket.on("data", (data) => socket.write(data)).on("end", () => socket.end("bye"));
        });
      if (credentials === undefined) return answer();
      socket.once("data", (given) => {
        const isRight = given.toString("latin1") === credentials;
        socket.write(Buffer.from([1, isRight ? 0 : 1]));
        if (isRight) answer();
        else socket.end();
      });
    });
  };
}

const granted = Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);

describe("a SOCKS proxy", () => {
  it("is asked for an address or a name, with credentials, and carries both directions to their ends", async () => {
    const asked: string[] = [];
    const decide = (request: Buffer) => {
      asked.push(request.toString("latin1"));
      return Buffer.concat([granted, Buffer.from("hello ")]);
    };
    const port = await listen(socksServer(decide, "\x01\x02me\x07hunter2"));
    const url = `socks5h://me:hunter2@127.0.0.1:${port}`;
    for (const one of [target, parseAddress("2001:db8::1") ?? [], "a.example"]) {
      const { socket } = await dialBy(url, [one]);
      socket.end("world ");
      assert.equal(await text(socket), "hello world bye");
    }
    assert.deepEqual(asked, [
      "\x05\x01\x00\x01\xcb\x00\x71\x02\x00\x07",
      `\x05\x01\x00\x04\x20\x01\x0d\xb8${"\0".repeat(11)}\x01\x00\x07`,
      "\x05\x01\x00\x03\x09a.example\x00\x07",
    ]);
  });

  it("hands over all of what a server says first, even one that ends at once", async () => {
    const port = await listen((socket) => {
      socket.once("data", () => {
        socket.write(Buffer.from([5, 0]));
        socket.once("data", () => socket.end(Buffer.concat([granted, Buffer.from("banner")])));
      });
    });
    for (let round = 0; round < 50; round++) {
      const { socket } = await dialBy(`socks5://127.0.0.1:${port}`);
      assert.equal(await text(socket), "banner");
      socket.destroy();
    }
  });

  const rows: readonly (readonly [string, (socket: Socket) => void, string])[] = [
    [
      "refuses credentials",
      socksServer(() => granted, "other"),
      "failed: proxy P refuses the credentials",
    ],
    [
      "takes none of the ways",
      (socket) => socket.once("data", () => socket.write(Buffer.from([5, 0xff]))),
      "failed: proxy P wants other credentials",
    ],
    [
      "does not allow it",
      socksServer(() => Buffer.from([5, 2, 0, 1, 0, 0, 0, 0, 0, 0])),
      "failed: proxy P does not allow it",
    ],
    [
      "is refused",
      socksServer(() => Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])),
      "refused: proxy P was refused by the other side",
    ],
    [
      "gets nowhere",
      socksServer(() => Buffer.from([5, 4, 0, 1, 0, 0, 0, 0, 0, 0])),
      "unreachable: proxy P does not get there",
    ],
    [
      "speaks garbage",
      (socket) => socket.write("HTTP/1.1 400 hunter2\r\n\r\n"),
      "failed: proxy P does not speak SOCKS",
    ],
    ["hangs up", (socket) => socket.destroy(), "failed: proxy P hung up without an answer"],
  ];
  for (const [what, onConnection, expected] of rows)
    it(`that ${what} is told of, and nothing of its words`, async () => {
      const port = await listen(onConnection);
      assert.equal(await failureOf(dialBy(`socks5://me:hunter2@127.0.0.1:${port}`)), expected);
    });
});
