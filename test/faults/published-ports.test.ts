import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { endProcess } from "../support/host-processes.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

const echo = `import socketserver
class H(socketserver.BaseRequestHandler):
    def handle(self):
        while (data := self.request.recv(65536)): self.request.sendall(data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(('127.0.0.1', 8000), H).serve_forever()`;

describe("services and published ports, when what looks after them dies", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    await ws.home.pull("debian:12");
    const options = { environment: "debian:12", networkPolicy: "published-ports" } as const;
    ({ workspaceId: id } = await ws.create(options));
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const opened = async (port: number): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return socket;
  };
  /** However it is closed. */
  const closed = (socket: Socket) => {
    socket.on("error", () => undefined);
    return new Promise<void>((resolve) => socket.once("close", () => resolve()));
  };
  const answers = async (port: number) => {
    const socket = await opened(port);
    socket.write("hello");
    const [data] = await once(socket, "data");
    socket.destroy();
    return String(data) === "hello";
  };

  /** Whoever looked after the workspace may take a moment to end. */
  const isListenedOnNoMore = (port: number) =>
    until(`nobody listens on ${port}`, async () => {
      const socket = await opened(port).catch((error: NodeJS.ErrnoException) => error);
      if (!(socket instanceof Error)) socket.on("error", () => undefined).destroy();
      return "code" in socket && socket.code === "ECONNREFUSED";
    });

  it("a service outlives its supervisor, and its port comes back on the same number", async () => {
    const { publishedPorts } = await ws.pyro.startService(id, "echo", {
      command: ["python3", "-c", echo],
      readiness: { kind: "tcp", address: "localhost:8000" },
      publishedPorts: [8000],
    });
    const port = publishedPorts[0]?.hostPort ?? 0;
    const { hostPort: other } = await ws.pyro.publishPort(id, { guestPort: 8000 });
    const socket = await opened(port);
    const cut = closed(socket);
    const before = await ws.pyro.statusService(id, "echo");
    endProcess(await ws.supervisor(id));
    await cut;
    const now = await ws.pyro.statusService(id, "echo");
    assert.deepEqual([now.state, now.startedAt], ["running", before.startedAt]);
    assert.deepEqual(
      now.publishedPorts.map(({ hostPort }) => hostPort),
      [port],
    );
    assert.deepEqual([await answers(port), await answers(other)], [true, true]);
  });

  it("a guest that restarts fails its services, and their ports listen no more", async () => {
    const { ports } = await ws.pyro.listPorts(id);
    const socket = await opened(ports[0]?.hostPort ?? 0);
    const cut = closed(socket);
    endProcess(ws.monitor(id));
    await cut;
    await until("the workspace has failed", async () => {
      return (await ws.pyro.statusWorkspace(id)).state === "failed";
    });
    const { state, reason } = await ws.pyro.statusService(id, "echo");
    assert.equal(state, "stopped");
    assert.match(reason ?? "", /the workspace failed: /);
    assert.deepEqual((await ws.pyro.listPorts(id)).ports, []);
    for (const { hostPort } of ports) await isListenedOnNoMore(hostPort);
    await ws.pyro.startWorkspace(id, { resumeServices: true });
    const again = (await ws.pyro.listPorts(id)).ports;
    assert.deepEqual(
      again.map(({ hostPort }) => hostPort),
      ports.map(({ hostPort }) => hostPort),
    );
    for (const { hostPort } of again) assert.ok(await answers(hostPort));
  });

  it("a guest whose kernel restarts cuts the connections that are open", async () => {
    const { ports } = await ws.pyro.listPorts(id);
    const socket = await opened(ports[0]?.hostPort ?? 0);
    socket.write("hello");
    await once(socket, "data");
    const cut = closed(socket);
    const restart = { command: ["sh", "-c", "echo b > /proc/sysrq-trigger; sleep 600"] };
    await assert.rejects(ws.pyro.execWorkspace(id, restart), /restarted or powered itself off/);
    await cut;
    for (const { hostPort } of ports) await isListenedOnNoMore(hostPort);
    await ws.pyro.startWorkspace(id, { resumeServices: true });
    for (const { hostPort } of ports) assert.ok(await answers(hostPort));
  });

  it("a workspace whose registry is lost brings its services and ports along", async () => {
    const { ports } = await ws.pyro.listPorts(id);
    ws.pyro[Symbol.dispose]();
    const { stateDirectory } = ws.home;
    for (const name of readdirSync(stateDirectory))
      if (name.startsWith("registry.sqlite")) rmSync(join(stateDirectory, name));
    const { state, publishedPorts } = await ws.pyro.statusService(id, "echo");
    assert.equal(state, "running");
    assert.equal(publishedPorts.length, 1);
    assert.deepEqual((await ws.pyro.listPorts(id)).ports, ports);
    assert.ok(await answers(ports[0]?.hostPort ?? 0));
  });

  it("the command line publishes, lists and ends ports, and says where they listen", async () => {
    const published = await ws.home.pyro(["workspace", "port", "publish", id, "8000"]);
    assert.match(published.stdout, /^http:\/\/127\.0\.0\.1:(\d+) → port 8000 of the guest\n$/);
    assert.match(published.stderr, /no other machine/);
    const port = /:(\d+) /.exec(published.stdout)?.[1] ?? "";
    const listed = await ws.home.pyro(["workspace", "port", "list", id, "--json"]);
    assert.ok(
      JSON.parse(listed.stdout).ports.some(
        (one: { host_port: number }) => `${one.host_port}` === port,
      ),
    );
    const ended = await ws.home.pyro(["workspace", "port", "unpublish", id, port]);
    assert.equal(ended.stdout, `Port ${port} is published no more.\n`);
    const again = await ws.home.pyro(["workspace", "port", "unpublish", id, port, "--json"]);
    assert.equal(JSON.parse(again.stdout).error.code, "port_not_published");
    const privileged = await ws.home.pyro(["workspace", "port", "publish", id, "99999"]);
    assert.match(privileged.stderr, /The port of the guest is 99999/);
    await ws.pyro.deleteWorkspace(id);
  });
});
