import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Neighbour } from "../support/neighbour.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

// What a project's own file refuses stays refused, whoever allows it, and whatever the guest does.
describe("a workspace whose project tightens its network", () => {
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

  const tree = (name: string, file: string) => {
    const path = ws.path(name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "README"), "x\n");
    writeFileSync(join(path, ".pyro.toml"), file);
    return path;
  };
  const create = (name: string, options: Parameters<TestWorkspaces["create"]>[0]) =>
    ws.create({ name, environment: "debian:12", networkPolicy: "egress", ...options });
  const curl = (id: string, to: string) =>
    ws.pyro.execWorkspace(id, { command: ["curl", "-sS", `http://${to}/`] });

  it("reaches what both allow, and nothing else, whatever it does and whoever allows it", async () => {
    const seedPath = tree("tight", `[network]\nonly = ["${target}", "ok.example"]\n`);
    const rule = `.pyro.toml: only ${target}, ok.example`;
    const made = await create("tight", { seedPath, allowHosts: [target, "ok.example"] });
    const id = made.workspaceId;
    assert.equal(made.networkProjectFile, `only ${target}, ok.example`);
    assert.equal((await curl(id, target)).stdout, "from outside\n");

    const refused = async (to = "10.4.5.6") => {
      const { stdout, deniedConnections } = await curl(id, to);
      const reason = `${to}:80 is not among what the project's .pyro.toml lets through.`;
      assert.equal(stdout.trimEnd(), reason);
      assert.deepEqual(deniedConnections, [{ host: to, port: 80, rule, count: 1 }]);
      const check = await ws.pyro.checkNetwork(id, `${to}:80`);
      assert.deepEqual([check.verdict, check.rule, check.reason], ["deny", rule, reason]);
      const logged = (await ws.pyro.logNetwork(id, { last: 1 })).connections[0];
      assert.deepEqual([logged?.verdict, logged?.rule, logged?.reason], ["deny", rule, reason]);
    };
    await refused();
    await refused("10.1.2.3");

    // The guest's copy is the guest's, and so is what is pushed later.
    await ws.sh(id, "rm .pyro.toml; printf '[network]\\nonly = [\"public\"]\\n' > .pyro.toml");
    await refused();
    await ws.pyro.pushWorkspaceSync(id, tree("loose", "[network]\n"));
    await refused();

    // A person's rules of both kinds are added, and of no use.
    const allow = ["10.4.5.6", "10.1.2.3"];
    const kept = await ws.pyro.changeNetwork(id, { allow, preset: "open" });
    assert.deepEqual(kept.projectFile, { only: [target, "ok.example"], deny: [] });
    await refused();
    await refused("10.1.2.3");
    await ws.pyro.changeNetwork(id, { allow: ["10.7.8.9"], forSeconds: 600 });
    await refused("10.7.8.9");
    const remove = [`deny ${target}`];
    const error = await refusal(ws.pyro.changeNetwork(id, { remove: [rule] }));
    assert.match(`${error.message} ${error.hint}`, /but of its project\. .*Change \.pyro\.toml/);
    assert.match((await refusal(ws.pyro.changeNetwork(id, { remove }))).message, /has no network/);

    // Who learns learns what is left.
    const learned = await ws.pyro.learnNetwork(id, {
      command: ["sh", "-c", `curl -s http://${target}/; curl -s http://10.4.5.6/; true`],
      apply: true,
    });
    assert.deepEqual([learned.rules, learned.isApplied], [[`allow ${target}`], true]);
    assert.deepEqual(
      learned.deniedConnections.map((one) => one.rule),
      [rule],
    );
    assert.deepEqual((await ws.pyro.showNetwork(id)).projectFile, kept.projectFile);
    await ws.pyro.changeNetwork(id, { preset: "open" });
    await refused();

    await ws.pyro.resetWorkspace(id);
    await refused();
    await ws.pyro.stopWorkspace(id);
    await ws.pyro.startWorkspace(id);
    await refused();
    assert.equal((await curl(id, target)).stdout, "from outside\n");
    const { deniedConnections } = await ws.pyro.summarizeWorkspace(id);
    assert.deepEqual(
      deniedConnections.map((one) => [one.rule, one.stillDenied]),
      [[rule, true]],
    );
    await ws.pyro.deleteWorkspace(id);
  });

  it("keeps the rules that it is given while it is created", async () => {
    const seedPath = tree("early", `[network]\nonly = ["${target}", "ok.example"]\n`);
    const changes: Promise<unknown>[] = [];
    const { workspaceId: id } = await create("early", {
      seedPath,
      networkPreset: "none",
      onProgress: () => {
        changes.push(ws.pyro.changeNetwork("early", { allow: [target], deny: ["ok.example"] }));
      },
    });
    assert.ok(changes.length > 1);
    await Promise.all(changes);
    const { rules, projectFile } = await ws.pyro.showNetwork(id);
    assert.deepEqual(rules, [`allow ${target}`, "deny ok.example"]);
    assert.deepEqual(projectFile, { only: [target, "ok.example"], deny: [] });
    assert.equal((await curl(id, target)).stdout, "from outside\n");
    await ws.pyro.deleteWorkspace(id);
  });

  it("is told of what it denies in an archive, and what else denies goes on doing so", async () => {
    tree("packed", '[network]\ndeny = ["*.tracker.example", "10.9.0.0/16"]\n');
    const seedPath = ws.path("packed.tar.gz");
    execFileSync("tar", ["-czf", seedPath, "-C", ws.path("packed"), "."]);
    const { workspaceId: id } = await create("packed", {
      ...{ seedPath, networkPreset: "none", allowHosts: [target, "10.0.0.0/8"] },
    });
    assert.equal((await curl(id, target)).stdout, "from outside\n");
    const rules: string[] = [];
    for (const to of ["a.tracker.example", "10.9.8.7", "172.16.1.1"])
      rules.push(...(await curl(id, to)).deniedConnections.map(({ rule }) => rule));
    assert.deepEqual(rules, [
      ".pyro.toml: deny *.tracker.example",
      ".pyro.toml: deny 10.9.0.0/16",
      "default deny private",
    ]);
    await ws.pyro.deleteWorkspace(id);
  });

  it("is not there at all where the file cannot be followed, or refuses what a credential is for", async () => {
    const seedPath = tree("unruly", "[network]\nallow = ['a.example']\n");
    const archive = ws.path("unruly.tgz");
    execFileSync("tar", ["-czf", archive, "-C", seedPath, "."]);
    for (const path of [seedPath, archive]) {
      const error = await refusal(create("unruly", { seedPath: path }));
      assert.equal(error.code, "project_file_refused");
      assert.match(
        error.message,
        /cannot be followed: network has a key "allow", and knows no other than "only" and/,
      );
      assert.match(error.hint ?? "", /mend it, or seed without it\.$/);
      await ws.assertNothingLeft();
    }
    // Nothing is let out, so that nothing could be tightened.
    const { workspaceId: id, ...off } = await ws.create({ seedPath });
    assert.equal(off.networkProjectFile, null);
    await ws.pyro.deleteWorkspace(id);

    const forged = await refusal(
      create("forged", {
        seedPath: tree("forge", '[network]\nonly = ["registries"]\n'),
        secrets: [{ name: "TOKEN", value: "a-value", credential: { hosts: ["api.example.com"] } }],
      }),
    );
    assert.equal(forged.code, "invalid_argument");
    assert.match(
      forged.message,
      /TOKEN is for api\.example\.com, .*: \.pyro\.toml: only registries\./,
    );
    assert.match(forged.hint ?? "", /Change \.pyro\.toml in the project/);
    await ws.assertNothingLeft();
  });
});
