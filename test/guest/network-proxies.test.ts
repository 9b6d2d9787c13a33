import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Pyro } from "../../src/index.ts";
import { repository } from "../support/home.ts";
import { Outside, outsidePorts, outsideSkip } from "../support/outside.ts";
import type { PyroProcess } from "../support/process.ts";
import { proxyPassword, proxyPort, proxyUser, startProxy } from "../support/proxies.ts";
import { remotePyro } from "../support/remote-pyro.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

const reachProgram = readFileSync(join(repository, "test/support/fixtures/reach.py"), "utf8");

describe("a workspace of a machine with proxies", { skip: outsideSkip }, () => {
  const parts = new AsyncDisposableStack();
  /** Other processes with the SDK. */
  const others = new DisposableStack();
  let outside: Outside;
  let ws: TestWorkspaces;
  let http: PyroProcess;
  let id: string;

  const urlOf = (scheme: string, port: number, password = proxyPassword) =>
    `${scheme}://${proxyUser}:${password}@${outside.publicAddress}:${port}`;
  const httpUrl = (password?: string) => urlOf("http", proxyPort("tinyproxy"), password);

  /** The SDK in a process with these proxies. */
  const pyroWith = (environment: Record<string, string>, mounts = outside.mounts): Pyro => {
    const pyro = remotePyro({ ...ws.home.env, ...environment }, mounts);
    return others.use(pyro);
  };
  /** The same workspace, started anew by such a process. */
  const restart = async (environment: Record<string, string>, mounts?: string): Promise<void> => {
    const pyro = pyroWith(environment, mounts);
    await ws.pyro.stopWorkspace(id);
    await pyro.startWorkspace(id);
  };

  before(async () => {
    outside = parts.use(await Outside.open());
    const { publicAddress, privateAddress, names } = outside;
    names.meanings.set("public.example", () => [publicAddress]);
    names.meanings.set("inside.example", () => [privateAddress]);
    names.meanings.set("proxy.example", () => [publicAddress]);
    const hosts = { "only.example": publicAddress, "trick.example": privateAddress };
    http = await startProxy(outside, "tinyproxy", hosts);
    parts.defer(() => http.kill());
    const socks = await startProxy(outside, "microsocks", hosts);
    parts.defer(() => socks.kill());
    ws = parts.use(
      await TestWorkspaces.open(({ env }) =>
        remotePyro({ ...env, all_proxy: httpUrl() }, outside.mounts),
      ),
    );
    await ws.home.pull("debian:12");
    const options = { environment: "debian:12", networkPolicy: "egress" } as const;
    ({ workspaceId: id } = await ws.create(options));
  });
  after(async () => {
    await using _ = parts;
    others.dispose();
    await ws.assertNothingLeft();
  });

  const reach = async (...tries: string[]) => {
    const command = ["python3", "-c", reachProgram, ...tries.map((one) => `tcp ${one}`)];
    const { stdout, stderr, exitCode, sequence, deniedConnections } = await ws.pyro.execWorkspace(
      id,
      { command, timeoutSeconds: 120 },
    );
    assert.equal(exitCode, 0, stderr);
    const { connections } = await ws.pyro.logNetwork(id, { source: `command:${sequence}` });
    return { outcomes: stdout.trimEnd().split("\n"), deniedConnections, connections };
  };
  const web = (host: string) => `${host} ${outsidePorts.web}`;

  it("reaches what is public by way of them, by address and by name, and says so", async () => {
    const { publicAddress } = outside;
    const { outcomes, connections } = await reach(web(publicAddress), web("public.example"));
    assert.deepEqual(outcomes, ["from outside", "from outside"]);
    assert.deepEqual(outside.openers.slice(-2), [publicAddress, publicAddress]);
    for (const { address, failure, rule } of connections)
      assert.deepEqual([address, failure, rule], [publicAddress, null, "preset open"]);
    // What the proxy was told and said is none of it.
    await until("both are over", async () => {
      const log = await ws.pyro.logNetwork(id);
      return log.connections.every(({ endedAt }) => endedAt !== null);
    });
    for (const { sentBytes } of (await ws.pyro.logNetwork(id)).connections)
      assert.ok(sentBytes < 100, String(sentBytes));

    const shown = `${publicAddress}:${proxyPort("tinyproxy")}`;
    assert.deepEqual((await ws.pyro.showNetwork(id)).proxies, [shown]);
    const check = await ws.pyro.checkNetwork(id, `public.example:${outsidePorts.web}`);
    assert.deepEqual([check.verdict, check.proxy], ["allow", shown]);
    const report = await ws.pyro.doctor();
    const found = report.checks.find(({ name }) => name === "proxy");
    assert.equal(found?.message, `what is let out goes through ${shown}`);
  });

  it("has no way by them to what it may not reach, whoever knows its name", async () => {
    const { privateAddress, publicAddress, total } = outside;
    const port = proxyPort("tinyproxy");
    const tries: readonly (readonly [string, string])[] = [
      [web(privateAddress), "default deny private"],
      [web("inside.example"), "default deny private"],
      [web("trick.example"), "default deny unknown"],
      [web("only.example"), "default deny unknown"],
      [web("metadata.google.internal"), "default deny unknown"],
      ["169.254.169.254 80", "default deny metadata"],
      [`${publicAddress} ${port}`, "default deny proxy"],
      [`proxy.example ${port}`, "default deny proxy"],
    ];
    const { outcomes, connections } = await reach(...tries.map(([one]) => one));
    for (const [destination, rule] of tries) {
      const [host, wanted] = destination.split(" ");
      const found = connections.find((one) => one.host === host && one.port === Number(wanted));
      assert.equal(found?.rule, rule, `${destination}: ${JSON.stringify({ found, outcomes })}`);
    }
    assert.equal(outside.total, total);
    const check = await ws.pyro.checkNetwork(id, `only.example:${outsidePorts.web}`);
    assert.deepEqual(
      [check.verdict, check.rule, check.proxy],
      ["deny", "default deny unknown", null],
    );
    assert.match(check.reason, /only a rule about the name opens it/);
  });

  it("reaches a name that only they know by a rule about it", async () => {
    await ws.pyro.changeNetwork(id, { allow: [`only.example:${outsidePorts.web}`, "*.internal"] });
    const { outcomes, connections } = await reach(web("only.example"), web("a.internal"));
    assert.equal(outcomes[0], "from outside");
    const told = connections.map(({ verdict, rule, address }) => [verdict, rule, address]);
    assert.deepEqual(told.sort(), [
      ["allow", `allow only.example:${outsidePorts.web}`, null],
      ["deny", "default deny unknown", null],
    ]);
    assert.equal(outside.openers.at(-1), outside.publicAddress);
    // A denial about addresses could be about this one.
    await ws.pyro.changeNetwork(id, { deny: ["10.0.0.0/8"] });
    assert.deepEqual((await reach(web("only.example"))).connections[0]?.rule, "deny 10.0.0.0/8");
    await ws.pyro.changeNetwork(id, { remove: ["deny 10.0.0.0/8"] });
  });

  it("is told by the log what they refuse, and never with what they were told", async () => {
    const wrong = "hunter2wrong";
    await restart({ https_proxy: httpUrl(wrong) });
    const { outcomes, connections } = await reach(web(outside.publicAddress));
    assert.equal(outcomes[0], "ECONNRESET");
    const shown = `proxy ${outside.publicAddress}:${proxyPort("tinyproxy")}`;
    assert.deepEqual(
      connections.map(({ verdict, failure }) => [verdict, failure]),
      // What tinyproxy says to credentials that it does not know.
      [["allow", `${shown} answered 401 Unauthorized`]],
    );
    await restart({ https_proxy: `http://${outside.publicAddress}:${proxyPort("tinyproxy")}` });
    const [unnamed] = (await reach(web(outside.publicAddress))).connections;
    assert.equal(unnamed?.failure, `${shown} answered 407 Proxy Authentication Required`);

    await restart({ ALL_PROXY: urlOf("socks5", proxyPort("microsocks"), wrong) });
    const [refused] = (await reach(web(outside.publicAddress))).connections;
    assert.match(refused?.failure ?? "", /^proxy \S+:1080 refuses the credentials$/);
    await restart({ ALL_PROXY: `http://${outside.publicAddress}:9` });
    const [absent] = (await reach(web(outside.publicAddress))).connections;
    assert.match(absent?.failure ?? "", /^proxy \S+:9 is not reached: ECONNREFUSED$/);

    await restart({ ALL_PROXY: httpUrl(wrong) });
    await reach(web(outside.publicAddress));
    const directory = ws.directory(id);
    const file = join(directory, "proxies.json");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, "utf8"), /hunter2wrong/);
    const places = { directories: [directory], since: 0, processTraces: [] };
    assert.deepEqual(await new SecretScan([wrong]).places(places), ["proxies.json"]);
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      let words = "";
      try {
        words = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      } catch {
        continue;
      }
      assert.ok(!words.includes(wrong), words);
    }
  });

  it("is let out by SOCKS as well, which may look names up", async () => {
    const url = (scheme: string) => urlOf(scheme, proxyPort("microsocks"));
    await restart({ ALL_PROXY: url("socks5h") });
    const tries = [web(outside.publicAddress), web("public.example"), web("only.example")];
    assert.deepEqual((await reach(...tries)).outcomes, Array(3).fill("from outside"));
    assert.deepEqual(outside.openers.slice(-3), Array(3).fill(outside.publicAddress));
    await restart({ ALL_PROXY: url("socks5") });
    const { outcomes } = await reach(...tries);
    assert.deepEqual(outcomes.slice(0, 2), Array(2).fill("from outside"));
    assert.equal(outcomes[2], "no such host");
  });

  it("reaches directly what needs none", async () => {
    await restart({ ALL_PROXY: httpUrl("of no use"), NO_PROXY: outside.publicAddress });
    assert.deepEqual((await reach(web("public.example"))).outcomes, ["from outside"]);
    assert.equal(outside.openers.at(-1), outside.hostAddress);
  });

  it("is let out of a machine that asks nobody for names", async () => {
    const silent = join(outside.directory, "silent.conf");
    // Nobody is there.
    writeFileSync(silent, `nameserver ${outside.publicAddress.replace(/2$/, "77")}\n`);
    const mounts = `${outside.mounts} && mount --bind ${silent} /etc/resolv.conf`;
    await restart({ ALL_PROXY: httpUrl() }, mounts);
    const { outcomes, connections } = await reach(web("only.example"), web("trick.example"));
    assert.equal(outcomes[0], "from outside");
    assert.deepEqual(connections.map(({ rule }) => rule).sort(), [
      `allow only.example:${outsidePorts.web}`,
      "default deny unknown",
    ]);
  });

  it("is let out nowhere by what is damaged", async () => {
    await restart({ ALL_PROXY: httpUrl() });
    await ws.killSupervisor(id);
    writeFileSync(join(ws.directory(id), "proxies.json"), "{}");
    const { total } = outside;
    assert.notEqual((await reach(web(outside.publicAddress))).outcomes[0], "from outside");
    assert.equal(outside.total, total);
    const { warnings } = await ws.pyro.showNetwork(id);
    assert.match(
      warnings.join(" "),
      /Nothing is reached\. The workspace's proxies in .* cannot be read\.$/,
    );
    assert.equal((await refusal(ws.pyro.checkNetwork(id, "a.example"))).code, "invalid_argument");
  });

  it("is a VM of one command, too, and refused where they cannot be used", async () => {
    const command = ["python3", "-c", reachProgram, `tcp ${web("public.example")}`];
    const options = { environment: "debian:12", network: true, command };
    const ran = await ws.pyro.runInVm(options);
    assert.equal(ran.stdout, "from outside\n", ran.stderr);
    assert.equal(outside.openers.at(-1), outside.publicAddress);
    const odd = pyroWith({ HTTPS_PROXY: "socks4://me:hunter2@x.example" });
    const error = await refusal(odd.runInVm(options));
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, /^The proxy of HTTPS_PROXY cannot be used: it has the scheme/);
    assert.doesNotMatch(error.message + error.hint, /hunter2@/);
  });
});
