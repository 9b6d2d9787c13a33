import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { Forge } from "../support/forge.ts";
import { findMonitor } from "../support/host-processes.ts";
import { inMemoryOf } from "../support/memory-scan.ts";
import { Outside, outsideSkip } from "../support/outside.ts";
import { remotePyro } from "../support/remote-pyro.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

const host = "forge.example";
const token = `real${randomBytes(20).toString("hex")}`;
const began = Date.now();
const identity = "git config --global user.email a@example.com; git config --global user.name A;";

describe("a credential that stays on the host", { skip: outsideSkip }, () => {
  let outside: Outside;
  let forge: Forge;
  let ws: TestWorkspaces;
  let id: string;
  const transcript: unknown[] = [];
  const parts = new AsyncDisposableStack();
  before(async () => {
    outside = parts.use(await Outside.open());
    forge = parts.use(await Forge.open(outside, host, token));
    ws = await TestWorkspaces.open((home) =>
      remotePyro(home.env, `${outside.mounts} && ${forge.mounts}`),
    );
    parts.use(ws);
    await ws.home.pull("debian:12");
    writeFileSync(ws.path("token"), `${token}\n`);
    ({ workspaceId: id } = await ws.create({
      ...{ environment: "debian:12", memMib: 512, networkPolicy: "egress", allowHosts: [host] },
      secrets: [source()],
    }));
  });
  after(async () => {
    await using _ = parts;
    await ws.assertNothingLeft();
  });

  const source = (more = {}) => ({
    ...{ name: "TOKEN", path: ws.path("token") },
    credential: { hosts: [host], placeholder: "ghp_{36}", ...more },
  });
  const run = async (line: string, timeoutSeconds = 120) => {
    const ran = await ws.pyro.execWorkspace(id, { command: ["sh", "-c", line], timeoutSeconds });
    transcript.push(ran);
    return ran;
  };
  const sh = async (line: string) => {
    const { stdout, stderr, exitCode } = await run(line);
    assert.equal(exitCode, 0, `${line}: ${stdout}${stderr}`);
    return stdout;
  };
  const placeholder = async () => (await sh('printf %s "$TOKEN"')).trim();
  const whoami = 'curl -sS -H "authorization: Bearer $TOKEN" https://forge.example/whoami';

  it("is a placeholder of its shape everywhere in the guest, and told of by its hosts", async () => {
    const shown = await placeholder();
    assert.match(shown, /^ghp_[A-Za-z0-9]{36}$/);
    assert.equal(await sh("cat /run/pyro-secrets/TOKEN"), shown);
    const asked = await ws.pyro.execWorkspace(id, {
      command: ["sh", "-c", 'printf %s "$OTHER"'],
      secretEnv: { TOKEN: "OTHER" },
    });
    assert.equal(asked.stdout, shown);
    const { secrets } = await ws.pyro.listSecrets(id);
    const credential = { hosts: [host], methods: null, paths: null, variables: ["TOKEN"] };
    assert.deepEqual(secrets, [{ name: "TOKEN", sourceKind: "file", credential }]);
  });

  it("works for curl, Python and wget, in headers and queries, and what echoes it is masked", async () => {
    assert.equal(await sh(whoami), "somebody\n");
    assert.equal(await sh('curl -sS "https://forge.example/whoami?token=$TOKEN"'), "somebody\n");
    const python = [
      "import os, urllib.request as r",
      "q = r.Request('https://forge.example/whoami', headers={'x-api-key': os.environ['TOKEN']})",
      "print(r.urlopen(q).read().decode(), end='')",
    ].join("\n");
    assert.equal(await sh(`python3 -c "${python}"`), "somebody\n");
    // Nor does it take a variable to trust the host.
    const clean = `env -i TOKEN="$TOKEN" ${whoami}`;
    assert.equal(await sh(clean), "somebody\n");
    const echoed = JSON.parse(
      await sh(
        'curl -sS -d "$TOKEN" -H "x-api-key: $TOKEN" -H "authorization: Bearer $TOKEN" https://forge.example/echo',
      ),
    );
    assert.equal(echoed.known, true);
    assert.ok(!JSON.stringify(echoed).includes(token));
  });

  it("lets git clone, commit, push and fetch over HTTPS without being asked anything", async () => {
    await sh(
      `${identity} git clone -q ${forge.repositoryUrl} a && cd a && echo one > file && git add file && git commit -qm one && git push -q origin HEAD:main`,
    );
    assert.equal(forge.git("log", "--format=%s", "main"), "one");
    await sh(`git clone -q ${forge.repositoryUrl} b && cd b && echo two > file`);
    await sh("cd b && git commit -qam two && git push -q origin HEAD:main");
    assert.equal(await sh("cd a && git fetch -q && git log --format=%s origin/main"), "two\none\n");
    assert.ok(forge.requests.some((line) => /^token POST .*git-receive-pack$/.test(line)));
  });

  it("goes to no other host, and not where its limits end", async () => {
    outside.names.meanings.set("other.example", () => [outside.publicAddress]);
    await ws.pyro.changeNetwork(id, { allow: ["other.example"] });
    const before = forge.requests.length;
    // That host is spoken with end to end: it is the one that has the other's certificate.
    const other = await sh(
      'curl -sSk -H "authorization: Bearer $TOKEN" https://other.example/echo',
    );
    assert.equal(JSON.parse(other).headers.authorization, `Bearer ${await placeholder()}`);
    assert.deepEqual(forge.requests.slice(before), ["none GET other.example/echo"]);

    await ws.pyro.setSecrets(id, { secrets: [source({ methods: ["GET"], paths: ["/echo"] })] });
    assert.equal((await run(whoami)).stdout.includes("somebody"), false);
    const posted = await run(
      'curl -sS -d x -H "authorization: Bearer $TOKEN" https://forge.example/echo',
    );
    assert.equal(posted.stdout.includes('"known":true'), false);
    const got = await sh('curl -sS -H "authorization: Bearer $TOKEN" https://forge.example/echo');
    assert.equal(JSON.parse(got).known, true);
    await ws.pyro.setSecrets(id, { secrets: [source()] });
  });

  it("outlives its supervisor, a stop, a reset and the first process of the guest's world", async () => {
    const works = async (what: string) => assert.equal(await sh(whoami), "somebody\n", what);
    await ws.killSupervisor(id);
    await works("another supervisor");
    await ws.pyro.createSnapshot(id, "with-credential");
    await ws.pyro.stopWorkspace(id);
    await ws.pyro.startWorkspace(id);
    await works("started again");
    await ws.pyro.resetWorkspace(id);
    await works("reset");
    assert.deepEqual((await ws.pyro.diffWorkspace(id)).changes, []);
    await ws.pyro.resetWorkspace(id, { snapshot: "with-credential" });
    await works("reset to a snapshot");
  });

  it("is printed by a command of the host, again once it holds no more", async () => {
    writeFileSync(ws.path("second"), token);
    const credential = { hosts: [host] };
    const command = `cat ${ws.path("second")}`;
    await ws.pyro.setSecrets(id, {
      secrets: [{ name: "SECOND", command, ttlSeconds: 1, credential }],
    });
    const asked = whoami.replace("$TOKEN", "$SECOND");
    assert.equal(await sh(asked), "somebody\n");
    const { secrets } = await ws.pyro.listSecrets(id);
    assert.equal(secrets.at(-1)?.sourceKind, "command");
    writeFileSync(ws.path("second"), "");
    await sh("sleep 1.2");
    const failed = await run(asked);
    assert.equal(failed.stdout.includes("somebody"), false);
    const refused = await refusal(
      ws.pyro.setSecrets(id, { secrets: [{ name: "SECOND", command, credential }] }),
    );
    assert.equal(refused.code, "credential_unavailable");
    await ws.pyro.removeSecret(id, "SECOND");
  });

  it("is nowhere in the guest's memory, on the disk, in the journal or in what was told", async () => {
    transcript.push(await ws.pyro.logsWorkspace(id), await ws.pyro.summarizeWorkspace(id));
    const shown = await placeholder();
    const basic = Buffer.from(`x-access-token:${token}`).toString("base64");
    const monitor = await findMonitor(ws.home.stateDirectory);
    // What is there is found: the scan would see it.
    assert.deepEqual(inMemoryOf(monitor, [shown, token, basic]), [shown]);
    const scan = new SecretScan([token]);
    assert.equal(scan.finds(Buffer.from(JSON.stringify(transcript))), false);
    const places = await scan.places({
      directories: [ws.home.stateDirectory, ws.home.cacheDirectory],
      since: began,
      processTraces: [ws.home.directory],
    });
    assert.deepEqual(
      places.filter((place) => !place.endsWith("/secrets.json")),
      [],
    );
    assert.ok(places.some((place) => place.endsWith("/secrets.json")));
  });

  it("is over at once when it is taken away, and so is the trust in who stood for its hosts", async () => {
    const trusting = "ls /usr/local/share/ca-certificates; env | grep -c CA_BUNDLE";
    assert.equal(await sh(`${trusting}; true`), "pyro-workspace.crt\n2\n");
    await ws.pyro.removeSecret(id, "TOKEN");
    assert.equal(await sh(`${trusting}; true`), "0\n");
    const gone = await run(`curl -sS https://${host}/whoami`);
    assert.match(gone.stderr, /certificate/);
    assert.match(await sh(`curl -sSk https://${host}/whoami`), /who are you/);
    // An older snapshot has trusted; what is started from it does not.
    await ws.pyro.resetWorkspace(id, { snapshot: "with-credential" });
    assert.equal(await sh(`${trusting}; true`), "0\n");
  });

  it("comes with one command too, whose output does not show it", async () => {
    const ran = await ws.pyro.runInVm({
      environment: "debian:12",
      command: ["sh", "-c", `${whoami}; cat /run/pyro-secrets/TOKEN; echo; echo ${token}`],
      network: true,
      allowHosts: [host],
      secrets: [source()],
      timeoutSeconds: 120,
    });
    assert.match(ran.stdout, /^somebody\nghp_[A-Za-z0-9]{36}\n\[REDACTED:TOKEN\]\n$/);
    assert.equal(ran.stderr, "");
  });

  it("is refused where it could do nothing, with what would let it", async () => {
    for (const [options, said] of [
      [{ networkPolicy: "off" as const }, /but nothing is let out/],
      [
        { networkPolicy: "egress" as const, allowHosts: ["a.example"] },
        /cannot be reached: preset none/,
      ],
    ] as const) {
      const error = await refusal(ws.create({ ...options, secrets: [source()] }));
      assert.deepEqual([error.code, said.test(error.message)], ["invalid_argument", true]);
      assert.match(error.hint ?? "", /--network-policy egress|--allow-host forge\.example/);
    }
    const plain = { name: "PLAIN", value: "plain-value" };
    const run = ws.pyro.runInVm({
      environment: "debian:12",
      ...{ command: ["true"], network: true, secrets: [plain] },
    });
    assert.match((await refusal(run)).message, /PLAIN is no credential/);
  });
});
