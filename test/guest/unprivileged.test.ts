import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeAccount, ownUid } from "../support/account.ts";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { findMonitor } from "../support/host-processes.ts";
import { assertNothingLeft } from "../support/oracle.ts";

describe("an unprivileged user", () => {
  it("runs a command in a guest, whose monitor is as confined as root's", async () => {
    await using home = await PyroHome.warm();
    const account = await makeAccount(home);
    const command = ["run", baseEnvironment, "--", "sh", "-c", "id -u; echo ready; cat"];
    const started = account.start(command, { openInput: true });
    await started.said("ready\n");
    assert.ok((await findMonitor(account.stateDirectory)) > 0);
    started.child.stdin.end("bye\n");
    const ended = await started.ended;
    assert.deepEqual([ended.stdout, ended.stderr, ended.code], ["0\nready\nbye\n", "", 0]);
    await assertNothingLeft({ ...account, sessions: [started.pid] });
  });

  it("has a machine wait, which the next command takes", async () => {
    await using home = await PyroHome.warm();
    const account = await makeAccount(home);
    const on = await account.start(["standby", "on", baseEnvironment]).ended;
    assert.match(on.stdout, /^Standby is on: 1 for /, on.stderr);
    const env = { PYRO_TRACE: "1" };
    const ran = await account.start(["run", baseEnvironment, "--", "id", "-u"], { env }).ended;
    assert.deepEqual([ran.stdout, ran.code], ["0\n", 0]);
    assert.match(ran.stderr, / claimed=/);
    const off = await account.start(["standby", "off"]).ended;
    assert.equal(off.stdout, "Ended: 0\n");
    await assertNothingLeft({ ...account, sessions: [] });
  });

  it("is told by the doctor of what only he needs", async () => {
    await using home = await PyroHome.warm();
    const account = await makeAccount(home);
    const { stdout, stderr } = await account.start(["doctor", "--json"]).ended;
    const report = JSON.parse(stdout) as { checks: { name: string; fix: string | null }[] };
    const found = report.checks.find(({ name }) => name === "newuidmap");
    const isInstalled = ["/usr/bin/newuidmap", "/bin/newuidmap"].some(existsSync);
    assert.equal(found?.fix, isInstalled ? null : "sudo apt-get install uidmap", stderr);
    await assertNothingLeft({ ...account, sessions: [] });
  });

  it("has workspaces: seeded, changed, snapshotted, reset, exported, deleted", async () => {
    await using home = await PyroHome.warm();
    const account = await makeAccount(home);
    const seed = join(account.own, "seed");
    mkdirSync(join(seed, "deep"), { recursive: true });
    writeFileSync(join(seed, "deep/a.txt"), "one\n");
    writeFileSync(join(seed, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
    execFileSync("chown", ["-R", `${ownUid}`, account.own]);
    const pyro = async (...args: string[]) => {
      const { code, stdout, stderr } = await account.start(["workspace", ...args]).ended;
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    await pyro("create", baseEnvironment, "--name", "w", "--seed-path", seed, "--id-only");
    assert.equal(
      await pyro("exec", "w", "--", "sh", "-c", "stat -c '%u %a' run.sh; cat deep/a.txt"),
      "0 755\none\n",
    );
    await pyro("snapshot", "create", "w", "s");
    await pyro("exec", "w", "--", "sh", "-c", "rm -r deep; echo two > b.txt");
    assert.match(await pyro("diff", "w", "--name-only"), /^b\.txt\ndeep\/a\.txt\n$/);
    await pyro("reset", "w", "--snapshot", "s");
    assert.equal(await pyro("diff", "w", "--name-only"), "");
    await pyro("export", "w", "deep", "--output", join(account.own, "out"));
    assert.equal(readFileSync(join(account.own, "out/a.txt"), "utf8"), "one\n");
    await pyro("delete", "w");
    await assertNothingLeft({ ...account, sessions: [] });
  });

  it("is told that a published port needs privileges, and what does not", async () => {
    await using home = await PyroHome.warm();
    const account = await makeAccount(home);
    const pyro = (...args: string[]) => account.start(["workspace", ...args]).ended;
    const policy = ["--network-policy", "published-ports"];
    assert.equal((await pyro("create", baseEnvironment, "--name", "w", ...policy)).code, 0);
    const refused = await pyro("port", "publish", "w", "1:80");
    assert.match(refused.stderr, /^error: Port 1 of this machine needs privileges\.$/m);
    assert.match(refused.stderr, /^hint: Choose one from 1024 on, or none/m);
    assert.equal((await pyro("port", "publish", "w", "80")).code, 0);
    assert.equal((await pyro("delete", "w")).code, 0);
    await assertNothingLeft({ ...account, sessions: [] });
  });
});
