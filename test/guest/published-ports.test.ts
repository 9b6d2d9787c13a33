import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

/** Listens on one address and answers each connection by a rule. */
const server = (address: string, rule: string) => [
  "python3",
  "-c",
  `import socket, socketserver, threading
class H(socketserver.BaseRequestHandler):
    def handle(self):
        c = self.request
${rule
  .split("\n")
  .map((line) => `        ${line}`)
  .join("\n")}
class S(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512
    address_family = socket.AF_INET6 if ':' in '${address}' else socket.AF_INET
S(('${address}', 8000), H).serve_forever()`,
];

const echo = "while (data := c.recv(65536)): c.sendall(data)";

/** All that comes until the other side ends. */
async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function opened(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** How a connection ends that is not taken. */
async function broken(socket: Socket): Promise<string> {
  return await new Promise((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    socket.once("end", () => resolve("end"));
    socket.resume();
  });
}

describe("published ports of a workspace", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    await ws.home.pull("debian:12");
    const options = { environment: "debian:12", networkPolicy: "published-ports" } as const;
    ({ workspaceId: id } = await ws.create({ name: "published", ...options }));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const supervisorKib = async () => {
    const status = readFileSync(`/proc/${await ws.supervisor(id)}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  };

  /** Starts a server and answers where it is reached. */
  const serve = async (command: readonly string[], name = "server") => {
    const service = await ws.pyro.startService(id, name, {
      command,
      readiness: { kind: "tcp", address: "localhost:8000" },
      publishedPorts: [8000],
    });
    return service.publishedPorts[0]?.hostPort ?? 0;
  };

  for (const address of ["127.0.0.1", "::1", "0.0.0.0"])
    it(`reach a server that listens on the guest's ${address}`, async () => {
      const port = await serve(server(address, echo));
      const socket = await opened(port);
      socket.end("hello");
      assert.equal((await readAll(socket)).toString(), "hello");
      await ws.pyro.stopService(id, "server");
      assert.equal(await broken(connect(port, "127.0.0.1")), "ECONNREFUSED");
      assert.deepEqual((await ws.pyro.listPorts(id)).ports, []);
    });

  it("carry both directions at once, and each ends by itself", async () => {
    const port = await serve(server("127.0.0.1", echo));
    const content = randomBytes(8 << 20);
    const socket = await opened(port);
    socket.end(content);
    const back = await readAll(socket);
    assert.equal(
      createHash("sha256").update(back).digest("hex"),
      createHash("sha256").update(content).digest("hex"),
    );
    await ws.pyro.stopService(id, "server");
    const first = await serve(
      server(
        "127.0.0.1",
        "c.sendall(b'bye'); c.shutdown(1)\nopen('/workspace/later','wb').write(c.recv(100))",
      ),
    );
    const half = await opened(first);
    assert.equal((await readAll(half)).toString(), "bye");
    half.end("still here");
    await until("what came later is there", async () => {
      const { stdout } = await ws.pyro.execWorkspace(id, { command: ["cat", "later"] });
      return stdout === "still here";
    });
    await ws.pyro.stopService(id, "server");
  });

  it("tell a client that nobody answers in the guest", async () => {
    const { hostPort } = await ws.pyro.publishPort(id, { guestPort: 9 });
    assert.equal(await broken(connect(hostPort, "127.0.0.1")), "ECONNRESET");
    assert.equal((await ws.pyro.unpublishPort(id, hostPort)).unpublished, true);
    const { code, hint } = await refusal(ws.pyro.unpublishPort(id, hostPort));
    assert.deepEqual([code, hint], ["port_not_published", "It has published none."]);
  });

  it("are held up by no server that never answers, nor by one that takes no connection", async () => {
    const deaf = `import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', 8000)); s.listen(0); print('deaf', flush=True); time.sleep(600)`;
    const { publishedPorts } = await ws.pyro.startService(id, "deaf", {
      command: ["python3", "-c", deaf],
      readiness: { kind: "log", text: "deaf" },
      publishedPorts: [8000],
    });
    const port = publishedPorts[0]?.hostPort ?? 0;
    const waiting = await opened(port);
    waiting.write("is anybody there?");
    const outcomes = new Set<string>();
    waiting.on("data", () => outcomes.add("data")).once("close", () => outcomes.add("close"));
    waiting.on("error", () => undefined);
    // The guest's kernel keeps one for the server, and leaves the others without an answer.
    await until("the first is kept for the server", async () => {
      return /:1F40 \S+ 01 /.test(await ws.sh(id, "cat /proc/net/tcp"));
    });
    const others = Array.from({ length: 8 }, () => broken(connect(port, "127.0.0.1")));
    assert.equal(await Promise.race(others), "ECONNRESET");
    assert.equal((await ws.sh(id, "echo alive")).trim(), "alive");
    assert.deepEqual([...outcomes], []);
    await ws.pyro.stopService(id, "deaf");
    assert.deepEqual(new Set(await Promise.all(others)), new Set(["ECONNRESET"]));
    await until("the first is told as well", () => outcomes.has("close"));
  });

  it("cannot be what no port is", async () => {
    for (const port of [0, 65_536, -1, 1.5, Number.NaN]) {
      const guest = await refusal(ws.pyro.publishPort(id, { guestPort: port }));
      assert.equal(guest.code, "invalid_argument", guest.message);
      assert.match(guest.message, new RegExp(`guestPort is ${port}`));
      if (port === 0) continue;
      const host = await refusal(ws.pyro.publishPort(id, { guestPort: 80, hostPort: port }));
      assert.equal(host.code, "invalid_argument", host.message);
      assert.match(host.message, new RegExp(`hostPort is ${port}`));
    }
    assert.deepEqual((await ws.pyro.listPorts(id)).ports, []);
  });

  it("listen on 127.0.0.1 alone, on the port that is asked for, and say who has it", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port: taken } = holder.address() as { port: number };
    const { code, message } = await refusal(
      ws.pyro.publishPort(id, { guestPort: 80, hostPort: taken }),
    );
    assert.equal(code, "port_unavailable");
    assert.match(
      message,
      new RegExp(`Port ${taken} of this machine is taken: process ${process.pid} `),
    );
    holder.close();
    const published = await ws.pyro.publishPort(id, { guestPort: 80, hostPort: taken });
    assert.deepEqual(published, {
      workspaceId: id,
      host: "127.0.0.1",
      hostPort: taken,
      guestPort: 80,
      protocol: "tcp",
      url: `http://127.0.0.1:${taken}`,
      service: null,
    });
    assert.equal(await broken(connect(taken, "127.0.0.2")), "ECONNREFUSED");
    assert.equal(await broken(connect(taken, "::1")), "ECONNREFUSED");
    const other = await ws.create({ networkPolicy: "published-ports" });
    const again = await refusal(
      ws.pyro.publishPort(other.workspaceId, { guestPort: 80, hostPort: taken }),
    );
    assert.match(again.message, new RegExp(`workspace ${id} has published on it`));
    await ws.pyro.deleteWorkspace(other.workspaceId);
    await ws.pyro.unpublishPort(id, taken);
    assert.deepEqual((await ws.pyro.listPorts(id)).ports, []);
  });

  it("carry an upgraded connection, and many requests over one", async () => {
    const rule = `f = c.makefile('rwb')
while True:
    head = []
    while (line := f.readline().strip()): head.append(line)
    if not head: break
    if any(l.lower().startswith(b'upgrade') for l in head):
        f.write(b'HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n'); f.flush()
        while (data := c.recv(65536)): c.sendall(data)
        break
    f.write(b'HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello'); f.flush()`;
    const port = await serve(server("127.0.0.1", rule));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let count = 0; count < 50; count++) {
      const request = get({ host: "127.0.0.1", port, agent });
      request.once(
        "socket",
        (socket) => socket.connecting && socket.once("connect", () => ports.add(socket.localPort)),
      );
      const [answer] = await once(request, "response");
      assert.equal((await readAll(answer)).toString(), "hello");
    }
    assert.equal(ports.size, 1);
    agent.destroy();
    const upgrade = get({
      host: "127.0.0.1",
      port,
      headers: { Connection: "Upgrade", Upgrade: "echo" },
    });
    const [answer, socket] = (await once(upgrade, "upgrade")) as [{ statusCode: number }, Socket];
    assert.equal(answer.statusCode, 101);
    socket.write("frame");
    assert.equal(String((await once(socket, "data"))[0]), "frame");
    socket.destroy();
    await ws.pyro.stopService(id, "server");
  });

  it("take 256 connections at once and no more, and nothing is left of them", async () => {
    const port = await serve(server("127.0.0.1", "c.sendall(b'in')\nwhile c.recv(65536): pass"));
    const before = await supervisorKib();
    const sockets: Socket[] = [];
    // Connections of an earlier test may be on their way out.
    const join = async () => {
      const socket = connect(port, "127.0.0.1");
      const data = once(socket, "data").then(String, () => "");
      const isIn = (await Promise.race([data, broken(socket)])) === "in";
      if (isIn) sockets.push(socket);
      else socket.destroy();
      return isIn;
    };
    for (let count = 0; count < 256; count++) await until(`${count} connections are open`, join);
    assert.equal(await broken(connect(port, "127.0.0.1")), "ECONNRESET");
    const { events } = await ws.pyro.summarizeWorkspace(id);
    assert.ok(events.some(({ kind, text }) => kind === "port" && /256 are open/.test(text)));
    for (const socket of sockets) socket.destroy();
    await until("there is room again", join);
    sockets.at(-1)?.destroy();
    const grown = (await supervisorKib()) - before;
    assert.ok(grown < 32 * 1024, `the supervisor grew by ${grown} KiB`);
    await ws.pyro.stopService(id, "server");
  });

  it("answer 10,000 requests of 256 clients, every one of them", async () => {
    const rule = `f = c.makefile('rwb')
while True:
    head = []
    while (line := f.readline().strip()): head.append(line)
    if not head: break
    f.write(b'HTTP/1.1 200 OK\\r\\nContent-Length: 1024\\r\\n\\r\\n' + b'x' * 1024); f.flush()`;
    const port = await serve(server("127.0.0.1", rule));
    const agent = new Agent({ keepAlive: true, maxSockets: 256 });
    let [left, answered] = [10_000, 0];
    const failures: unknown[] = [];
    const ask = async () => {
      const [answer] = await once(get({ host: "127.0.0.1", port, agent }), "response");
      if ((await readAll(answer)).length === 1024) answered++;
    };
    const client = async () => {
      while (left-- > 0) await ask().catch((error: unknown) => failures.push(error));
    };
    await Promise.all(Array.from({ length: 256 }, client));
    // Thousands that are compared with none take all the memory there is.
    assert.deepEqual(failures.slice(0, 3), []);
    assert.equal(answered, 10_000);
    agent.destroy();
    await ws.pyro.stopService(id, "server");
  });

  it("hold nobody up for clients that never read", async () => {
    const port = await serve(server("127.0.0.1", "while True: c.sendall(b'x' * 65536)"));
    const before = await supervisorKib();
    const sockets = await Promise.all(Array.from({ length: 100 }, () => opened(port)));
    for (const socket of sockets) socket.pause();
    assert.equal((await ws.sh(id, "head -c 3000000 /dev/zero | wc -c")).trim(), "3000000");
    const grown = (await supervisorKib()) - before;
    assert.ok(grown < 32 * 1024, `the supervisor grew by ${grown} KiB`);
    for (const socket of sockets) socket.destroy();
    await ws.pyro.deleteWorkspace(id);
  });
});
