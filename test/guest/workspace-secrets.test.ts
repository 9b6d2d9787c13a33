import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { WorkspaceExecResult } from "../../src/index.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { until } from "../support/until.ts";
import { refusal, saying, TestWorkspaces } from "../support/workspaces.ts";

const canary = (name: string) => `${name}-${randomBytes(9).toString("base64")}/+==?&%`;
const token = canary("canary");
const key = `-----BEGIN KEY-----\n${randomBytes(30).toString("base64")}\n${randomBytes(30).toString("base64")}\n-----END KEY-----\n`;
const fromEnv = canary("environment");
const scan = new SecretScan([token, fromEnv, ...key.split("\n").slice(1, 3)]);

describe("secrets of a workspace", () => {
  let ws: TestWorkspaces;
  let id: string;
  let since: number;
  const transcript: unknown[] = [];
  before(async () => {
    since = Date.now() - 1000;
    ws = await TestWorkspaces.open();
    const keyPath = ws.path("key.pem");
    writeFileSync(keyPath, key);
    process.env.PYRO_TEST_SECRET = fromEnv;
    const made = await ws.create({
      name: "secretive",
      secrets: [
        { name: "TOKEN", value: token },
        { name: "KEY", path: keyPath },
        { name: "FROM_ENV", variable: "PYRO_TEST_SECRET" },
      ],
    });
    id = made.workspaceId;
    transcript.push(made);
    assert.deepEqual(made.secrets, [
      { name: "TOKEN", sourceKind: "value", credential: null },
      { name: "KEY", sourceKind: "file", credential: null },
      { name: "FROM_ENV", sourceKind: "env", credential: null },
    ]);
  });
  after(async () => {
    delete process.env.PYRO_TEST_SECRET;
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const run = async (line: string, options = {}): Promise<WorkspaceExecResult> => {
    const result = await ws.pyro.execWorkspace(id, {
      command: ["sh", "-c", line],
      secretEnv: { TOKEN: "T", KEY: "KEY", FROM_ENV: "E" },
      ...options,
    });
    transcript.push(result);
    return result;
  };
  const scannedPlaces = async () =>
    scan.places({
      directories: [ws.home.stateDirectory, ws.home.cacheDirectory],
      since,
      processTraces: [ws.home.directory],
    });

  it("are variables of the commands that ask for them, and of no other", async () => {
    const asked = await run(
      'test "$T" = "$(cat /run/pyro-secrets/TOKEN)" && printf %s "$T" | wc -c',
    );
    assert.equal(asked.stdout, `${token.length}\n`, asked.stderr);
    const other = await ws.pyro.execWorkspace(id, { command: ["env"] });
    assert.doesNotMatch(other.stdout, /REDACTED|^T=/m);
    const file = await run(
      'printf %s "$KEY" | cmp - /run/pyro-secrets/KEY; echo "$KEY" | cmp - /run/pyro-secrets/KEY',
    );
    // As a variable, a file is without its last line break.
    assert.match(file.stderr + file.stdout, /EOF/);
    assert.equal(file.exitCode, 0);
  });

  it("are files in memory that only the user of commands reads", async () => {
    const { stdout } = await run(
      "stat -c '%a %U' /run/pyro-secrets /run/pyro-secrets/*; stat -f -c %T /run/pyro-secrets; cat /proc/sys/kernel/core_pattern; " +
        "grep -c pyro-secrets /proc/swaps; find / -xdev -name pyro-secrets 2>/dev/null",
    );
    assert.equal(
      stdout,
      ["500 root", "400 root", "400 root", "400 root", "tmpfs", "/dev/null", "0", ""].join("\n"),
    );
    const stranger = await run(
      "id -u nobody >/dev/null && setpriv --reuid nobody --clear-groups cat /run/pyro-secrets/TOKEN",
    );
    assert.match(stranger.stderr, /Permission denied/);
  });

  it("are taken out of output, however it shows them", async () => {
    const lines = [
      'echo "$T"; echo "$T" >&2',
      'printf %s "$T" | base64; printf "x%s" "$T" | base64 -w0; echo; printf "xy%s" "$T" | base64 -w 20',
      'printf %s "$T" | od -An -v -tx1 | tr -d " \\n"; echo',
      'printf %s "$T" | od -An -v -tx1 | tr "a-f " "A-F%" | tr -d "\\n"; echo',
      'printf %s "$T" | fold -w 5; echo; cat /run/pyro-secrets/KEY; sed "s/^/> /" /run/pyro-secrets/KEY',
      'printf %s "$T" | dd bs=1 2>/dev/null; echo',
      'printf %s "$E" | head -c 7; sleep 0.4; printf %s "$E" | tail -c +8; echo',
      "env | sort; cat /proc/self/environ | tr '\\0' '\\n'",
    ];
    for (const line of lines) {
      const result = await run(line);
      assert.equal(result.exitCode, 0, result.stderr);
      assert.match(result.stdout, /\[REDACTED:(TOKEN|KEY|FROM_ENV)\]/, line);
      assert.equal(scan.finds(Buffer.from(result.stdout + result.stderr)), false, line);
    }
  });

  it("are taken out of errors, of the journal and of what is told", async () => {
    const missing = await ws.pyro.execWorkspace(id, { command: [`/opt/${token}`] });
    assert.equal(missing.exitCode, 127);
    assert.match(String(missing.notStarted), /REDACTED:TOKEN/);
    await run(`echo ${token}`);
    const failed = await refusal(ws.pyro.readWorkspaceFile(id, `/workspace/none/${token}`));
    assert.match(failed.message, /none\/\[REDACTED:TOKEN\]/);
    transcript.push(
      await ws.pyro.logsWorkspace(id),
      await ws.pyro.summarizeWorkspace(id),
      await ws.pyro.statusWorkspace(id),
      await ws.pyro.listWorkspaces(),
      await ws.pyro.listSecrets(id),
    );
  });

  it("are taken out of what a command leaves running writes", async () => {
    const { sequence } = await run('(sleep 1; echo "late $T") & echo started');
    await until("it wrote", async () => {
      const { output } = await ws.pyro.readCommandOutput(id, { sequence });
      return output.includes("late [REDACTED:TOKEN]");
    });
  });

  it("are taken out of what services write", async () => {
    const line = 'echo "service $T"; echo "$T" | base64 >&2; sleep 1000';
    const secretEnv = { TOKEN: "T" };
    transcript.push(
      await ws.pyro.startService(id, "talker", {
        command: ["sh", "-c", line],
        secretEnv,
        readiness: { kind: "log", text: "service" },
      }),
    );
    await until("both are in its log", async () => {
      const logs = await ws.pyro.logsService(id, "talker");
      transcript.push(logs);
      return logs.stderr !== "" && logs.stdout === "service [REDACTED:TOKEN]\n";
    });
    transcript.push(await ws.pyro.stopService(id, "talker"), await ws.pyro.listServices(id));
  });

  it("are taken out of what shells show, wherever one begins to read", async () => {
    const { shellId } = await ws.pyro.openShell(id, {
      command: ["sh"],
      secretEnv: { TOKEN: "T" },
      cols: 40,
    });
    await ws.pyro.writeShell(id, shellId, { input: "echo \"shell $T\" '<'" });
    const waitForIdleMs = 1_000;
    for (const mode of [{ plain: true }, { screen: true }, {}]) {
      const read = await ws.pyro.readShell(id, shellId, { ...mode, waitForIdleMs });
      transcript.push(read);
      assert.match(read.output, /shell \[REDACTED:TOKEN\]/);
    }
    const { nextCursor } = await ws.pyro.readShell(id, shellId, {});
    for (let cursor = 0; cursor < nextCursor; cursor++) {
      const { output } = await ws.pyro.readShell(id, shellId, { cursor, maxChars: 30 });
      for (let at = 0; at + 6 <= token.length; at++)
        assert.equal(output.includes(token.slice(at, at + 6)), false, `${cursor}: ${output}`);
    }
    const seen: Buffer[] = [];
    const leaving = new AbortController();
    await ws.pyro.attachShell(id, shellId, {
      onOutput: (bytes) => {
        seen.push(bytes);
        if (Buffer.concat(seen).includes("<\r\n")) leaving.abort();
      },
      signal: leaving.signal,
    });
    assert.match(Buffer.concat(seen).toString(), /shell \[REDACTED:TOKEN\] </);
    transcript.push(Buffer.concat(seen).toString());
    await ws.pyro.closeShell(id, shellId);
  });

  it("change while the workspace runs, for what begins and for what is shown", async () => {
    const later = canary("later");
    const waiting = saying("waiting");
    const running = ws.pyro.execWorkspace(id, {
      command: [
        "sh",
        "-c",
        "echo waiting; until test -e /run/pyro-secrets/LATER; do sleep 0.1; done; cat /run/pyro-secrets/LATER",
      ],
      onStdout: (chunk) => {
        waiting.onStdout(chunk);
        transcript.push(String(chunk));
        assert.equal(String(chunk).includes(later), false);
      },
    });
    await waiting.said;
    const { secrets } = await ws.pyro.setSecrets(id, {
      secrets: [{ name: "LATER", value: later }],
    });
    assert.deepEqual(secrets.at(-1), { name: "LATER", sourceKind: "value", credential: null });
    assert.equal((await running).exitCode, 0);
    const shown = await run("echo $L", { secretEnv: { LATER: "L" } });
    assert.equal(shown.stdout, "[REDACTED:LATER]\n");
    await ws.pyro.removeSecret(id, "LATER");
    const { stdout } = await run(`ls /run/pyro-secrets; echo '${later}'`);
    assert.equal(stdout, "FROM_ENV\nKEY\nTOKEN\n[REDACTED:LATER]\n");
    const unknown = await refusal(run("true", { secretEnv: { TOKN: "T" } }));
    assert.deepEqual([unknown.code, unknown.hint], ["secret_not_found", "Did you mean TOKEN?"]);
  });

  it("outlive a supervisor, a stop and a reset", async () => {
    const has = async () => {
      const { stdout, stderr } = await run(
        'cat /run/pyro-secrets/TOKEN && test -n "$E" && echo yes',
      );
      assert.equal(stdout, "[REDACTED:TOKEN]yes\n", stderr);
    };
    await ws.killSupervisor(id);
    await has();
    await ws.pyro.createSnapshot(id, "with-secrets");
    await ws.pyro.stopWorkspace(id);
    assert.deepEqual((await ws.pyro.listSecrets(id)).secrets.length, 3);
    await ws.pyro.setSecrets(id, { secrets: [{ name: "AT_REST", value: "at-rest-value" }] });
    await ws.pyro.startWorkspace(id);
    await has();
    await ws.pyro.resetWorkspace(id, { snapshot: "with-secrets" });
    await has();
    assert.deepEqual(
      (await ws.pyro.statusWorkspace(id)).secrets.map(({ name }) => name),
      ["TOKEN", "KEY", "FROM_ENV", "AT_REST"],
    );
  });

  it("keep commands from running while nobody can tell what they must not show", async () => {
    const path = join(ws.directory(id), "secrets.json");
    const kept = readFileSync(path);
    writeFileSync(path, "damaged");
    try {
      assert.equal((await refusal(run("true"))).code, "secrets_unreadable");
      assert.equal((await ws.pyro.statusWorkspace(id)).state, "started");
    } finally {
      writeFileSync(path, kept);
    }
    assert.equal((await run("true")).exitCode, 0);
  });

  it("are nowhere but in one file that only their user reads", async () => {
    await run("echo changed > changed.txt; head -c 100000 /dev/zero > zeros");
    transcript.push(await ws.pyro.diffWorkspace(id));
    const exported = ws.path("exported");
    await ws.pyro.exportWorkspace(id, "/workspace", { outputPath: exported });
    await ws.pyro.createSnapshot(id, "again");
    // The scanner finds what it must.
    const planted = ws.path("planted");
    mkdirSync(planted);
    writeFileSync(
      join(planted, "packed"),
      Buffer.concat([Buffer.from("x"), gzipSync(`a ${token} b`)]),
    );
    writeFileSync(join(planted, "base64"), Buffer.from(`ab${token}`).toString("base64"));
    assert.deepEqual(await scan.places({ directories: [planted], since, processTraces: [] }), [
      "base64",
      "packed",
    ]);
    const kept = join("workspaces", id, "secrets.json");
    assert.deepEqual(await scannedPlaces(), [kept]);
    assert.equal(statSync(join(ws.home.stateDirectory, kept)).mode & 0o777, 0o600);
    for (const name of readdirSync(exported))
      assert.equal(scan.finds(readFileSync(join(exported, name))), false, name);
    // Our own words, which the caller has already, aside.
    const told = JSON.stringify(transcript, (name, value) =>
      name === "command" && Array.isArray(value) ? undefined : value,
    );
    assert.equal(scan.finds(Buffer.from(told)), false);
    await ws.pyro.stopWorkspace(id);
    const disks = ws.path("disks");
    mkdirSync(disks);
    await ws.pyro.exportWorkspaceDisk(id, { outputPath: join(disks, "disk.ext4") });
    assert.deepEqual(await scan.places({ directories: [disks], since, processTraces: [] }), []);
    await ws.pyro.deleteWorkspace(id);
    assert.deepEqual(await scannedPlaces(), []);
  });
});
