import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repository } from "../support/home.ts";
import { Outside, outsidePorts, outsideSkip } from "../support/outside.ts";
import { remotePyro } from "../support/remote-pyro.ts";
import { until } from "../support/until.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

const reachProgram = readFileSync(join(repository, "test/support/fixtures/reach.py"), "utf8");

describe("what a command reaches is learned", { skip: outsideSkip }, () => {
  const parts = new AsyncDisposableStack();
  let outside: Outside;
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    outside = parts.use(await Outside.open());
    const { publicAddress, privateAddress, names } = outside;
    for (const name of ["a.example", "b.example", "denied.example"])
      names.meanings.set(name, () => [publicAddress]);
    names.meanings.set("inside.example", () => [privateAddress]);
    ws = parts.use(await TestWorkspaces.open(({ env }) => remotePyro(env, outside.mounts)));
    await ws.home.pull("debian:12");
    ({ workspaceId: id } = await ws.create({
      environment: "debian:12",
      networkPolicy: "egress",
      networkPreset: "none",
      denyHosts: ["denied.example"],
    }));
  });
  after(async () => {
    await using _ = parts;
    await ws.assertNothingLeft();
  });

  const reaching = (...tries: string[]) => ["python3", "-c", reachProgram, ...tries];
  const web = (host: string) => `tcp ${host} ${outsidePorts.web}`;
  const hosts = ["a.example", "b.example", "denied.example", "inside.example", "10.11.12.13"];
  const outcome = async (...tries: string[]) => {
    const { stdout } = await ws.pyro.execWorkspace(id, { command: reaching(...tries) });
    return stdout.trimEnd().split("\n");
  };

  it("host by host, while the rules that deny hold, and its own rules are back", async () => {
    const before = await ws.pyro.showNetwork(id);
    const learned = await ws.pyro.learnNetwork(id, { command: reaching(...hosts.map(web)) });
    assert.deepEqual(learned.stdout.split("\n").slice(0, 2), ["from outside", "from outside"]);
    const port = outsidePorts.web;
    assert.deepEqual(learned.rules, [
      "deny denied.example",
      `allow a.example:${port}`,
      `allow b.example:${port}`,
    ]);
    assert.deepEqual([learned.preset, learned.isApplied], ["none", false]);
    assert.deepEqual(learned.deniedConnections.map(({ host, rule }) => [host, rule]).sort(), [
      ["10.11.12.13", "default deny private"],
      ["denied.example", "deny denied.example"],
      ["inside.example", "default deny private"],
    ]);
    assert.deepEqual(await ws.pyro.showNetwork(id), before);
    assert.match((await outcome(web("a.example")))[0] ?? "", /^(403 |ECONNRESET)/);
  });

  it("one at a time, and not for longer than whoever learns is there", async () => {
    const { publicAddress, total } = outside;
    const program = [
      "import socket, time",
      `s = socket.create_connection(("${publicAddress}", ${outsidePorts.hold}))`,
      "s.recv(1)",
      "time.sleep(1000)",
    ].join("\n");
    const command = ["python3", "-c", program];
    const learner = ws.start("learnNetwork", [id, { command, timeoutSeconds: 900 }]);
    await until("the command holds its connection", () => outside.open === 1);
    assert.match((await ws.pyro.showNetwork(id)).warnings.join(" "), /somebody learns/);
    const error = await refusal(ws.pyro.learnNetwork(id, { command: ["true"] }));
    assert.equal(error.code, "workspace_busy");
    // A change of the rules is no end of it.
    await ws.pyro.changeNetwork(id, { allow: ["10.99.0.1:1"] });
    await ws.pyro.changeNetwork(id, { remove: ["10.99.0.1:1"] });
    assert.equal(outside.open, 1);

    await learner.kill();
    await until("its connection is cut", () => outside.open === 0);
    assert.doesNotMatch((await ws.pyro.showNetwork(id)).warnings.join(" "), /somebody learns/);
    assert.match((await outcome(web(publicAddress)))[0] ?? "", /^(403 |ECONNRESET)/);
    assert.equal(outside.total, total + 1);
  });

  it("is over when the supervisor is killed in the middle, too", async () => {
    const { publicAddress } = outside;
    const sleeping = { command: ["sleep", "1000"], timeoutSeconds: 900 };
    const learner = ws.start("learnNetwork", [id, sleeping]);
    await until("somebody learns", async () =>
      (await ws.pyro.showNetwork(id)).warnings.some((text) => /somebody learns/.test(text)),
    );
    // It would start another supervisor, which would know other names than those outside.
    learner.signal("SIGSTOP");
    await ws.killSupervisor(id);
    await learner.kill();
    assert.match((await outcome(web(publicAddress)))[0] ?? "", /^(403 |ECONNRESET)/);
  });

  it("becomes its rules where that is wanted and the command succeeds", async () => {
    const tries = [web("a.example")];
    const fails = await ws.pyro.learnNetwork(id, { command: ["false"], apply: true });
    assert.equal(fails.isApplied, false);
    const learned = await ws.pyro.learnNetwork(id, { command: reaching(...tries), apply: true });
    assert.deepEqual([learned.stdout, learned.isApplied], ["from outside\n", true]);
    const { rules, preset } = await ws.pyro.showNetwork(id);
    assert.deepEqual({ rules, preset }, { rules: learned.rules, preset: "none" });
    assert.deepEqual(await outcome(...tries), ["from outside"]);
    assert.match((await outcome(web("b.example")))[0] ?? "", /^(403 |ECONNRESET)/);
  });
});
