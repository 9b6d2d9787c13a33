import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Neighbour } from "../support/neighbour.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

/** A server that answers with what it fetches itself. */
const fetching = (url: string) => `import http.server, urllib.request
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(urllib.request.urlopen("${url}").read())
http.server.HTTPServer(("127.0.0.1", 8000), H).serve_forever()`;

describe("a workspace that is let out", () => {
  let ws: TestWorkspaces;
  let neighbour: Neighbour;
  let target: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    await ws.home.pull("debian:12");
    neighbour = await Neighbour.start();
    ({ target } = neighbour);
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
    neighbour[Symbol.dispose]();
  });

  const create = (name: string, options: Parameters<TestWorkspaces["create"]>[0]) =>
    ws.create({ name, environment: "debian:12", networkPolicy: "egress", ...options });
  const sh = (id: string, line: string) =>
    ws.pyro.execWorkspace(id, { command: ["sh", "-c", line] });

  it("reaches what a rule allows, and is told what it does not reach and why", async () => {
    const { workspaceId: id } = await create("rules", { allowHosts: [target] });
    const fetched = await sh(id, `curl -sS http://${target}/`);
    assert.deepEqual([fetched.stdout, fetched.stderr], ["from outside\n", ""]);
    assert.deepEqual(fetched.deniedConnections, []);

    const denied = await sh(id, "curl -sSi http://10.11.12.13/; curl -sS https://10.11.12.13/");
    assert.match(denied.stdout, /^HTTP\/1\.1 403 .*\r\nx-pyro-denied: default deny private\r\n/i);
    assert.match(denied.stdout, /10\.11\.12\.13:80 is a private address/);
    assert.match(denied.stderr, /^curl: \((7|35)\)/);
    const rule = "default deny private";
    assert.deepEqual(denied.deniedConnections, [
      { host: "10.11.12.13", port: 80, rule, count: 1 },
      { host: "10.11.12.13", port: 443, rule, count: 1 },
    ]);

    const { connections } = await ws.pyro.logNetwork(id);
    assert.deepEqual(
      connections.map(({ source, program, verdict, host }) => [source, program, verdict, host]),
      [
        ["command:1", "curl", "allow", target.split(":")[0]],
        ["command:2", "curl", "deny", "10.11.12.13"],
        ["command:2", "curl", "deny", "10.11.12.13"],
      ],
    );
    assert.ok((connections[0]?.receivedBytes ?? 0) > 13);
    await ws.pyro.deleteWorkspace(id);
  });

  it("follows a rule that is changed while it runs, open connections included", async () => {
    const { workspaceId: id } = await create("live", { networkPreset: "none" });
    assert.equal((await sh(id, `curl -sS http://${target}/`)).deniedConnections.length, 1);
    const network = await ws.pyro.changeNetwork(id, { allow: [target] });
    assert.deepEqual(network.rules, [`allow ${target}`]);
    assert.equal((await sh(id, `curl -sS http://${target}/`)).stdout, "from outside\n");
    assert.equal((await ws.pyro.checkNetwork(id, target)).verdict, "allow");

    // Two requests on one connection, and the rule is gone before the second.
    const [host, port] = target.split(":");
    const lines = [
      "import socket, sys",
      `s = socket.create_connection(("${host}", ${port}))`,
      'ask = b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"',
      "s.send(ask); s.recv(1000); print('first', flush=True)",
      "sys.stdin.readline(); s.settimeout(20)",
      "try: print('data' if s.recv(1000) else 'end')",
      "except ConnectionResetError: print('reset')",
    ];
    const shell = await ws.pyro.openShell(id, { command: ["python3", "-c", lines.join("\n")] });
    await ws.pyro.readShell(id, shell.shellId, { plain: true, waitFor: "first" });
    await ws.pyro.changeNetwork(id, { remove: [target] });
    await ws.pyro.writeShell(id, shell.shellId, { input: "" });
    const { output } = await ws.pyro.readShell(id, shell.shellId, {
      plain: true,
      waitFor: "reset",
    });
    assert.match(output, /reset/);
    const error = await refusal(ws.pyro.changeNetwork(id, { remove: [target] }));
    assert.equal(error.code, "invalid_argument");
    await ws.pyro.deleteWorkspace(id);
  });

  it("follows a rule that ends by itself, and may be ended before or kept", async () => {
    const { workspaceId: id } = await create("while", { networkPreset: "none" });
    const { rules, temporaryRules } = await ws.pyro.changeNetwork(id, {
      allow: [target],
      forSeconds: 600,
    });
    assert.deepEqual([rules, temporaryRules.map(({ rule }) => rule)], [[], [`allow ${target}`]]);
    const [host, port] = target.split(":");
    const held = `exec 3<>/dev/tcp/${host}/${port} && echo connected && cat <&3; echo ended`;
    const { shellId } = await ws.pyro.openShell(id, { command: ["bash", "-c", held] });
    await ws.pyro.readShell(id, shellId, { plain: true, waitFor: "connected" });
    // The same rule anew, which is soon over.
    await ws.pyro.changeNetwork(id, { allow: [target], forSeconds: 1 });
    const { output } = await ws.pyro.readShell(id, shellId, { plain: true, waitFor: "ended" });
    assert.match(output, /connected[\s\S]*ended/);
    assert.deepEqual((await ws.pyro.showNetwork(id)).temporaryRules, []);
    assert.equal((await ws.pyro.checkNetwork(id, target)).verdict, "deny");
    assert.equal((await sh(id, `curl -sS http://${target}/`)).deniedConnections.length, 1);

    await ws.pyro.changeNetwork(id, { allow: [target], forSeconds: 600 });
    assert.equal((await sh(id, `curl -sS http://${target}/`)).stdout, "from outside\n");
    const ended = await ws.pyro.changeNetwork(id, { remove: [target] });
    assert.deepEqual(ended.temporaryRules, []);
    await ws.pyro.changeNetwork(id, { allow: [target], forSeconds: 600 });
    const kept = await ws.pyro.changeNetwork(id, { allow: [target] });
    assert.deepEqual([kept.rules, kept.temporaryRules], [[`allow ${target}`], []]);
    const error = await refusal(ws.pyro.changeNetwork(id, { allow: ["a.example"], forSeconds: 0 }));
    assert.match(`${error.code} ${error.message}`, /^invalid_argument .*0 seconds.*86400/);
    await ws.pyro.deleteWorkspace(id);
  });

  it("says at once what it cannot do: names that are unknown, UDP, and all of it without a network", async () => {
    const { workspaceId: id } = await create("bounds", {});
    const unknown = await sh(id, "getent hosts no-such-host.invalid; echo $?");
    assert.equal(unknown.stdout, "2\n");
    const udp =
      "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('8.8.8.8', 123)); s.send(b'x'); s.recv(1)";
    const { stderr } = await sh(id, `python3 -c "${udp}"`);
    assert.match(stderr, /Network is unreachable|Connection refused|Operation not permitted/);
    await ws.pyro.deleteWorkspace(id);

    const { workspaceId: off } = await ws.create({ name: "off", environment: "debian:12" });
    const cut = await sh(off, "cat /etc/resolv.conf; curl -sS http://10.0.0.1/");
    assert.equal(cut.stdout, "");
    assert.notEqual(cut.exitCode, 0);
    for (const line of ["curl -sS http://a.example/", "apt-get update"])
      assert.match((await sh(off, line)).hint ?? "", /^There is no network in here: /, line);
    assert.equal((await sh(off, "echo 'error: it failed' >&2; false")).hint, null);
    const error = await refusal(ws.pyro.changeNetwork(off, { allow: ["a.example"] }));
    assert.equal(error.code, "network_policy_refused");
    assert.match(error.hint ?? "", /--network-policy egress/);
    await ws.pyro.deleteWorkspace(off);
  });

  it("tells of shells and services, too, until a person allows what they tried, and sums up all of it", async () => {
    const { workspaceId: id } = await create("stays", { networkPreset: "none" });
    const tried = { host: "telemetry.example", port: 80, rule: "preset none", count: 1 };
    const line = "curl -sS http://telemetry.example/ && echo tri''ed; exec sleep 1000";
    const command = ["sh", "-c", line];

    const { shellId } = await ws.pyro.openShell(id, { command });
    const waiting = { plain: true, waitFor: "tried" };
    const read = await ws.pyro.readShell(id, shellId, waiting);
    assert.deepEqual(read.deniedConnections, [tried]);
    await ws.pyro.startService(id, "web", { command, readiness: { kind: "log", text: "tried" } });
    assert.deepEqual((await ws.pyro.logsService(id, "web")).deniedConnections, [tried]);
    assert.deepEqual((await ws.pyro.statusService(id, "web")).deniedConnections, [tried]);
    assert.deepEqual((await sh(id, line.split(" &&")[0] ?? "")).deniedConnections, [tried]);

    const denied = async () => (await ws.pyro.summarizeWorkspace(id)).deniedConnections;
    const sum = {
      ...tried,
      count: 3,
      sources: [`shell:${shellId}`, "service:web", "command:1"],
      programs: ["curl"],
    };
    assert.deepEqual(await denied(), [{ ...sum, stillDenied: true }]);
    await ws.pyro.changeNetwork(id, { allow: ["telemetry.example"] });
    assert.deepEqual(await denied(), [{ ...sum, stillDenied: false }]);
    assert.deepEqual((await ws.pyro.readShell(id, shellId, waiting)).deniedConnections, []);
    assert.deepEqual((await ws.pyro.statusService(id, "web")).deniedConnections, []);
    await ws.pyro.deleteWorkspace(id);
  });

  it("tells what is tried as it happens, each once, until nobody wants to know", async () => {
    const { workspaceId: id } = await create("followed", { networkPreset: "none" });
    await sh(id, "curl -sS http://before.example/");
    const stop = new AbortController();
    const hosts: string[] = [];
    const following = ws.pyro.followNetwork(id, {
      onConnection: ({ host }) => void hosts.push(host),
      signal: stop.signal,
    });
    await sh(id, "curl -sS http://later.example/");
    await until("the later one is told", () => hosts.length === 2);
    await ws.pyro.resetWorkspace(id);
    await sh(id, "curl -sS http://after-reset.example/");
    await until("one after a reset is told", () => hosts.length === 3);
    assert.deepEqual(hosts, ["before.example", "later.example", "after-reset.example"]);
    stop.abort();
    assert.equal((await refusal(following)).code, "cancelled");
    await ws.pyro.deleteWorkspace(id);
  });

  it("publishes ports beside it", async () => {
    const { workspaceId: id, ...both } = await create("both", {
      networkPolicy: "egress+published-ports",
      allowHosts: [target],
    });
    assert.deepEqual([both.networkPreset, both.networkRuleCount], ["none", 1]);
    // It fetches from outside for whoever asks it from outside.
    const { publishedPorts } = await ws.pyro.startService(id, "web", {
      command: ["python3", "-c", fetching(`http://${target}/`)],
      readiness: { kind: "tcp", address: "localhost:8000" },
      publishedPorts: [8000],
    });
    const [port] = publishedPorts;
    const answer = await fetch(port?.url ?? assert.fail("nothing is published"));
    assert.equal(await answer.text(), "from outside\n");
    const logged = async () =>
      (await ws.pyro.logNetwork(id, { source: "service:web" })).connections;
    await until("the connection is in the log", async () => (await logged()).length > 0);
    const told = (await logged()).map(({ verdict, rule }) => [verdict, rule]);
    assert.deepEqual(told, [["allow", `allow ${target}`]]);
    await ws.pyro.deleteWorkspace(id);
  });

  it("is a VM of one command, too", async () => {
    const options = { environment: "debian:12", network: true, allowHosts: [target] };
    const command = ["sh", "-c", `curl -sS http://${target}/; curl -sS http://10.9.8.7:99/`];
    const ran = await ws.pyro.runInVm({ ...options, command });
    assert.match(ran.stdout, /^from outside\n10\.9\.8\.7:99 is a private address/);
    const denied = [{ host: "10.9.8.7", port: 99, rule: "default deny private", count: 1 }];
    assert.deepEqual(ran.deniedConnections, denied);

    const { vmId } = await ws.pyro.createVm(options);
    await ws.pyro.startVm(vmId);
    assert.deepEqual(await ws.pyro.networkInfoVm(vmId), {
      vmId,
      network: true,
      policy: "egress",
      preset: "none",
      rules: [`allow ${target}`],
      interfaces: [],
    });
    const { deniedConnections, stdout } = await ws.pyro.execVm(vmId, { command });
    assert.match(stdout, /^from outside\n/);
    assert.deepEqual(deniedConnections, denied);
  });
});
