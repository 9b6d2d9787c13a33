import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { WorkspaceDiff } from "../../src/index.ts";
import { baseEnvironment, repository } from "../support/home.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

/** Hides QEMU from what runs in it: a mount of its own is seen by nobody else and is gone by itself. */
const withoutQemu = `mount -t tmpfs none "$1" && mkdir "$1/files" "$1/work" &&
  mount -t overlay -o "lowerdir=/usr/bin,upperdir=$1/files,workdir=$1/work" none /usr/bin &&
  rm /usr/bin/qemu-system-x86_64 || exit 99; shift; exec "$@"`;

describe("a workspace without isolation, where no guest can run", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const create = (...args: string[]) => {
    const hidden = ws.path("hidden");
    mkdirSync(hidden, { recursive: true });
    const mapped = process.getuid?.() === 0 ? [] : ["--map-root-user"];
    const pyro = [join(repository, "bin", "pyro"), "workspace", "create", baseEnvironment];
    const shell = ["sh", "-c", withoutQemu, "sh", hidden, ...pyro, ...args, "--json"];
    return ws.home.startProgram(["unshare", "--mount", ...mapped, ...shell]).ended;
  };

  it("is refused unless it is asked for by name", async () => {
    const ended = await create();
    assert.equal(ended.code, 1, ended.stderr);
    assert.equal(JSON.parse(ended.stdout).error.code, "virtualization_unavailable");
    assert.deepEqual((await ws.pyro.listWorkspaces()).workspaces, []);
  });

  it("is created, and says what it is", async () => {
    const seed = ws.path("seed");
    mkdirSync(join(seed, "src"), { recursive: true });
    writeFileSync(join(seed, "src", "a.txt"), "one\ntwo\n");
    writeFileSync(join(seed, "run.sh"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
    linkSync(join(seed, "run.sh"), join(seed, "src", "again"));
    const ended = await create("--allow-host-compat", "--seed-path", seed, "--name", "compat");
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    const made = JSON.parse(ended.stdout);
    id = made.workspace_id;
    assert.deepEqual(
      [made.driver, made.execution_mode, made.isolation],
      ["host-compat", "host_compat", "none"],
    );
    assert.equal((await ws.pyro.statusWorkspace("compat")).executionMode, "host_compat");
    const guest = await ws.create({ name: "guest", allowHostCompat: true, seedPath: seed });
    assert.deepEqual(
      [guest.driver, guest.workspaceSeed.entryCount, guest.workspaceSeed.bytes],
      ["qemu", made.workspace_seed.entry_count, made.workspace_seed.bytes],
    );
  });

  it("has no disk of its own to look at", async () => {
    const outputPath = ws.path("compat.ext4");
    for (const call of [
      ws.pyro.listWorkspaceDisk(id),
      ws.pyro.readWorkspaceDisk(id, "run.sh"),
      ws.pyro.exportWorkspaceDisk(id, { outputPath }),
    ]) {
      const { code, hint } = await refusal(call);
      assert.equal(code, "not_supported");
      assert.match(hint ?? "", /pyro workspace export/);
    }
    assert.ok(!existsSync(outputPath));
  });

  it("runs commands, keeps files and shows what changed", async () => {
    const result = await ws.pyro.execWorkspace(id, {
      command: ["sh", "-c", "./run.sh; cat src/a.txt; exit 5"],
    });
    assert.deepEqual(
      [result.stdout, result.exitCode, result.executionMode],
      ["ran\none\ntwo\n", 5, "host_compat"],
    );
    await ws.pyro.writeWorkspaceFile(id, "new/file", { text: "new\n" });
    assert.equal((await ws.pyro.readWorkspaceFile(id, "new/file")).text, "new\n");
    const patch = "--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n";
    await ws.pyro.applyWorkspacePatch(id, { patch });
    assert.deepEqual(
      (await ws.pyro.diffWorkspace(id)).changes.map(({ path, kind }) => [path, kind]),
      [
        ["new/file", "added"],
        ["src/a.txt", "modified"],
      ],
    );
    assert.equal(
      (await refusal(ws.pyro.readWorkspaceFile(id, "/etc/passwd"))).code,
      "invalid_argument",
    );
  });

  it("runs services, whose logs and files nobody finds among the workspace's", async () => {
    const server = `require("node:net").createServer((socket) => socket.end()).listen(0, "127.0.0.1", function () { console.log("port", this.address().port) })`;
    const service = await ws.pyro.startService(id, "web", {
      command: [process.execPath, "-e", server],
      readiness: { kind: "log", text: "port " },
    });
    assert.equal(service.state, "running");
    assert.match((await ws.pyro.logsService(id, "web")).stdout, /^port \d+\n$/);
    const { code } = await refusal(ws.pyro.publishPort(id, { guestPort: 80 }));
    assert.equal(code, "network_policy_refused");
    assert.equal((await ws.pyro.stopService(id, "web")).state, "stopped");
    assert.equal(
      (await ws.pyro.listWorkspaceFiles(id)).entries.some(({ path }) => /services/.test(path)),
      false,
    );
  });

  it("publishes ports of its servers where it was created for that, and is let out nowhere by rules", async () => {
    const made = await create(
      ...["--allow-host-compat", "--name", "ports", "--network-policy", "published-ports"],
    );
    assert.equal(made.code, 0, made.stdout + made.stderr);
    const listening = createServer().listen(0, "127.0.0.1");
    await once(listening, "listening");
    const { port } = listening.address() as AddressInfo;
    await new Promise((resolve) => listening.close(resolve));
    const command = ["python3", "-m", "http.server", "--bind", "127.0.0.1", String(port)];
    const service = await ws.pyro.startService("ports", "web", {
      command,
      readiness: { kind: "tcp", address: `127.0.0.1:${port}` },
      publishedPorts: [port],
    });
    const [published] = service.publishedPorts;
    assert.ok(published !== undefined && published.hostPort !== port);
    const page = await fetch(published.url);
    assert.equal(page.status, 200);
    await page.text();
    await ws.pyro.deleteWorkspace("ports");
    await assert.rejects(fetch(published.url));

    const out = await create("--allow-host-compat", "--network-policy", "egress");
    const { error } = JSON.parse(out.stdout);
    assert.deepEqual([out.code, error.code], [1, "not_supported"], error.message);
    assert.match(error.message, /nothing decides what commands reach/);
  });

  it("hands secrets over as variables and nowhere else, and takes them out of output", async () => {
    const value = `compat-${"x1y2".repeat(6)}`;
    await ws.pyro.setSecrets(id, { secrets: [{ name: "TOKEN", value }] });
    const secretEnv = { TOKEN: "T" };
    const line = 'test -n "$T" && echo "it is $T"; printf %s "$T" | base64';
    const command = ["sh", "-c", `${line}; test ! -e /run/pyro-secrets`];
    const ran = await ws.pyro.execWorkspace(id, { command, secretEnv });
    assert.equal(ran.exitCode, 0, ran.stderr);
    assert.match(ran.stdout, /^it is \[REDACTED:TOKEN\]\n.*\[REDACTED:TOKEN\]/);
    const other = await ws.pyro.execWorkspace(id, { command: ["env"] });
    assert.doesNotMatch(other.stdout, /^T=|REDACTED/m);
    const { shellId } = await ws.pyro.openShell(id, {
      command: ["sh", "-c", `${line}; echo over; read x`],
      secretEnv,
    });
    for (const mode of [{}, { plain: true }, { screen: true }]) {
      const { output } = await ws.pyro.readShell(id, shellId, { ...mode, waitFor: "over" });
      assert.match(output, /it is \[REDACTED:TOKEN\]/);
      assert.ok(!output.includes(value));
    }
    await ws.pyro.closeShell(id, shellId);
    const failed = await refusal(
      ws.pyro.startService(id, "talker", {
        command: ["sh", "-c", `${line}; exit 3`],
        secretEnv,
        readiness: { kind: "log", text: "never written" },
      }),
    );
    assert.match(failed.message, /exit code 3[\s\S]*it is \[REDACTED:TOKEN\]/);
    assert.ok(!failed.message.includes(value));
    assert.match((await ws.pyro.logsService(id, "talker")).stdout, /it is \[REDACTED:TOKEN\]\n/);
    const kept = readFileSync(join(ws.directory(id), "secrets.json"), "utf8");
    assert.ok(kept.includes(value));
    await ws.pyro.removeSecret(id, "TOKEN");
    const gone = await refusal(ws.pyro.execWorkspace(id, { command, secretEnv }));
    assert.equal(gone.code, "secret_not_found");
    assert.ok(!existsSync(join(ws.directory(id), "secrets.json")));
  });

  it("shows what changed at a named path, however much changed elsewhere", async () => {
    const made =
      "mkdir src/d && echo x > src/d/new && ln src/a.txt src/twin && chmod 700 src && ln -s src way && chmod 644 run.sh";
    await ws.sh(id, made);
    const named = [
      ["src"],
      ["run.sh"],
      ["src/d/new", "src/d", "new/"],
      ["gone/x"],
      ["way/a.txt"],
      ["way"],
      ["src/a.txt/x"],
    ];
    const look = async () => {
      const found: unknown[] = [];
      for (const paths of named) found.push(await ws.pyro.diffWorkspace(id, { paths }));
      return found;
    };
    const before = await look();
    assert.deepEqual(
      named.map((_, index) => (before[index] as WorkspaceDiff).changes.map(({ path }) => path)),
      [
        ["src", "src/a.txt", "src/again", "src/d/new", "src/twin"],
        ["run.sh"],
        ["new/file", "src/d/new"],
        [],
        [],
        ["way"],
        [],
      ],
    );
    await ws.sh(id, "mkdir many && cd many && seq 110500 | xargs touch");
    for (const paths of [undefined, ["many"]]) {
      const refused = await refusal(ws.pyro.diffWorkspace(id, { paths }));
      assert.equal(refused.code, "invalid_argument");
      assert.match(refused.message, /too much for a diff: there are more than 1\d{5} entries/);
      assert.match(refused.hint ?? "", /^Name the files and directories that matter/);
    }
    const { diffUnavailable } = await ws.pyro.summarizeWorkspace(id);
    assert.match(diffUnavailable ?? "", /Most of what is new[^:]*: many \(1\d{5}\)/);
    assert.deepEqual(await look(), before);
    const outputPath = ws.path("named.patch");
    const exported = await ws.pyro.exportWorkspacePatch(id, { outputPath, paths: ["src/a.txt"] });
    assert.equal(exported.fileCount, 1);
    await ws.sh(id, "rm -rf many src/d src/twin way; chmod 755 src run.sh");
  });

  it("is snapshotted, reset, stopped, started, exported and deleted", async () => {
    await ws.pyro.createSnapshot(id, "changed");
    await ws.sh(id, "rm -rf src; echo wreck > run.sh");
    const reset = await ws.pyro.resetWorkspace(id, { snapshot: "changed" });
    assert.deepEqual(
      [reset.state, reset.resetCount, reset.executionMode],
      ["started", 1, "host_compat"],
    );
    assert.equal(await ws.sh(id, "cat src/a.txt; ./run.sh"), "one\nthree\nran\n");

    assert.equal((await ws.pyro.stopWorkspace(id)).state, "stopped");
    await ws.pyro.startWorkspace(id);
    assert.equal(await ws.sh(id, "cat new/file"), "new\n");

    await ws.pyro.resetWorkspace(id);
    assert.equal(await ws.sh(id, "cat src/a.txt; ls"), "one\ntwo\nrun.sh\nsrc\n");
    const outputPath = ws.path("exported");
    await ws.pyro.exportWorkspace(id, "src", { outputPath });
    assert.equal(readFileSync(join(outputPath, "a.txt"), "utf8"), "one\ntwo\n");
    assert.deepEqual(await ws.pyro.deleteWorkspace(id), { workspaceId: id, deleted: true });
    assert.equal(existsSync(ws.directory(id)), false);
  });
});
