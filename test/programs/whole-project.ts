import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { registryHosts } from "../../src/network/registries.ts";
import { Forge } from "../support/forge.ts";
import { findMonitor } from "../support/host-processes.ts";
import { inMemoryOf } from "../support/memory-scan.ts";
import { Outside, outsidePorts, outsideSkip } from "../support/outside.ts";
import {
  go,
  guestTrusted,
  missing,
  npm,
  ownIndexes,
  packageManagers,
  pip,
  trusted,
} from "../support/own-indexes.ts";
import { environmentWith } from "../support/programs-environment.ts";
import { remotePyro } from "../support/remote-pyro.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

// An agent's way through somebody's project: cloned from where only a token lets it, its dependencies installed, what calls home
// stopped and seen, one host allowed by a person, and what was done pushed.

const host = "forge.example";
const home = "home.example";
const token = `real${randomBytes(20).toString("hex")}`;
const began = Date.now();
const identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"];

/** Fails as installers do that cannot call home. */
const callsHome = `require("http")
  .get("http://${home}:${outsidePorts.web}/", (answer) => process.exit(answer.statusCode === 200 ? 0 : 1))
  .on("error", () => process.exit(1));
`;

const files: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({ name: "app", dependencies: { "left-pad": "1.3.0" } }),
  "telemetry/package.json": JSON.stringify({
    ...{ name: "telemetry", version: "1.0.0" },
    scripts: { postinstall: "node home.js" },
  }),
  "telemetry/home.js": callsHome,
  "requirements.txt": "six==1.16.0\n",
  "go.mod": "module example.com/app\n\ngo 1.19\n\nrequire github.com/google/uuid v1.6.0\n",
  "go.sum":
    "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\ngithub.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n",
  "Cargo.toml":
    '[package]\nname = "app"\nversion = "1.0.0"\nedition = "2021"\n\n[dependencies]\nitoa = "=1.0.11"\n',
  "src/main.rs": 'fn main() {\n    println!("{}", itoa::Buffer::new().format(42));\n}\n',
  ".gitignore": "node_modules\ntarget\nlib\n",
};

describe("a project whose dependencies are installed in a workspace", { skip: outsideSkip }, () => {
  let forge: Forge;
  let ws: TestWorkspaces;
  let id: string;
  let indexes: Partial<Record<string, string>>;
  const transcript: unknown[] = [];
  const parts = new AsyncDisposableStack();
  before(async () => {
    indexes = await ownIndexes();
    const outside = parts.use(await Outside.open());
    forge = parts.use(await Forge.open(outside, host, token));
    outside.names.meanings.set(home, () => [outside.publicAddress]);
    // The world of the test has those registries, too, that this machine reaches.
    const own = Object.values(indexes).flatMap((url) => (url ? [new URL(url).hostname] : []));
    for (const name of new Set([...registryHosts, ...own])) {
      const found = await lookup(name, { family: 4 }).catch(() => undefined);
      if (found !== undefined) outside.names.meanings.set(name, () => [found.address]);
    }
    ws = await TestWorkspaces.open((here) =>
      remotePyro(
        { ...here.env, ...(indexes as Record<string, string>) },
        `${outside.mounts} && ${forge.mounts}`,
      ),
    );
    parts.use(ws);
    const environment = await environmentWith(ws.home, packageManagers);
    forge.receive(project(ws.path("project")));
    // Whom this machine trusts, who may stand for its registries.
    const seedPath = ws.path("trusted");
    mkdirSync(seedPath);
    copyFileSync(trusted, join(seedPath, "trusted.pem"));
    ({ workspaceId: id } = await ws.create({
      ...{ name: "whole", environment, memMib: 2048, seedPath },
      ...{ networkPolicy: "egress", networkPreset: "registries", allowHosts: [host] },
      secrets: [{ name: "TOKEN", value: token, credential: { hosts: [host] } }],
    }));
    await ws.sh(id, `cat trusted.pem >> ${guestTrusted}`);
  });
  after(async () => {
    await using _ = parts;
    await ws.pyro.deleteWorkspace(id);
    await ws.assertNothingLeft();
  });

  /** The project as somebody has made it, with a package of its own that calls home. */
  function project(directory: string): string {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(directory, name, ".."), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    const git = (...args: readonly string[]) =>
      execFileSync("git", [...identity, "-C", directory, ...args], { stdio: "ignore" });
    git("init", "--initial-branch=main");
    git("add", ".");
    git("commit", "--message", "one");
    return directory;
  }

  const attempt = async (line: string) => {
    const variables = Object.entries({ ...indexes, HOME: "/root", GOTOOLCHAIN: "local" });
    const command = ["env", ...variables.map(([name, value]) => `${name}=${value}`)];
    const ran = await ws.pyro.execWorkspace(id, {
      command: [...command, "sh", "-ec", `cd /workspace/app && ${line}`],
      timeoutSeconds: 550,
    });
    transcript.push(ran);
    return ran;
  };

  /** Registries that this machine's own network answers for, are opened by their address. */
  async function installs(line: string): Promise<string> {
    let ran = await attempt(line);
    for (let tries = 0; tries < 3 && ran.deniedConnections.length > 0; tries++) {
      for (const { host: denied, port, rule } of ran.deniedConnections) {
        assert.ok(registryHosts.includes(denied), `${denied} is no registry`);
        assert.match(rule, /^default deny (private|reserved)$/);
        const { address } = await lookup(denied, { family: 4 });
        await ws.pyro.changeNetwork(id, { allow: [`${address}:${port}`] });
      }
      ran = await attempt(line);
    }
    assert.equal(ran.exitCode, 0, `${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  }

  it("is cloned by a token that is not there", async () => {
    const line = `git clone -q ${forge.repositoryUrl} /workspace/app && ls /workspace/app`;
    assert.match(await ws.sh(id, line, 100), /^Cargo\.toml\ngo\.mod\n/);
    assert.ok(forge.requests.some((one) => /^token GET .*\/info\/refs$/.test(one)));
  });

  const steps: readonly (readonly [
    what: string,
    index: string | RegExp,
    line: string,
    said: RegExp,
  ])[] = [
    [
      "npm ci",
      npm,
      "npm install --package-lock-only --no-audit --no-fund >&2 && npm ci --no-audit --no-fund >&2 && node -p 'require(\"left-pad\")(7, 3, 0)'",
      /^007\n$/,
    ],
    [
      "pip install",
      pip,
      "pip install -q --target lib -r requirements.txt >&2 && PYTHONPATH=lib python3 -c 'import six; print(six.__version__)'",
      /^1\.16\.0\n$/,
    ],
    ["cargo build", /^index\.crates/, "cargo build -q && target/debug/app", /^42\n$/],
    [
      "go mod download",
      go,
      "go mod download && ls $(go env GOMODCACHE)/github.com/google",
      /^uuid@v1\.6\.0\n$/,
    ],
  ];
  for (const [what, index, line, said] of steps)
    it(`${what} gets what the project names`, async (t) => {
      const host =
        typeof index === "string" ? undefined : registryHosts.find((one) => index.test(one));
      const why = await missing(typeof index === "string" ? indexes[index] : `https://${host}/`);
      if (why !== undefined) return t.skip(why);
      assert.match(await installs(line), said);
    });

  it("a package that calls home is stopped, seen, and let by a person who allows its one host", async () => {
    const install = "npm install --no-audit --no-fund --offline ./telemetry --install-links";
    const stopped = await attempt(install);
    assert.notEqual(stopped.exitCode, 0);
    const tried = { host: home, port: outsidePorts.web, rule: "preset registries", count: 1 };
    assert.deepEqual(stopped.deniedConnections, [tried]);
    const [last] = (await ws.pyro.logNetwork(id, { last: 1 })).connections;
    const command = `command:${stopped.sequence}`;
    assert.deepEqual([last?.host, last?.program, last?.source], [home, "node", command]);
    const { deniedConnections } = await ws.pyro.summarizeWorkspace(id);
    const summed = deniedConnections.find((one) => one.host === home);
    assert.deepEqual([summed?.sources, summed?.stillDenied], [[command], true]);

    await ws.pyro.changeNetwork(id, { allow: [`${home}:${outsidePorts.web}`] });
    const passed = await attempt(install);
    assert.equal(passed.exitCode, 0, passed.stderr);
    assert.deepEqual(passed.deniedConnections, []);
  });

  it("is pushed to by a token that a scan finds nowhere in the guest", async () => {
    const commit = `git add . && git ${identity.join(" ")} commit -qm two && git push -q origin HEAD:main`;
    const pushed = await attempt(commit);
    assert.equal(pushed.exitCode, 0, pushed.stderr);
    assert.equal(forge.git("log", "--format=%s", "main"), "two\none");
    assert.ok(forge.requests.some((one) => /^token POST .*git-receive-pack$/.test(one)));

    const shown = (await ws.sh(id, 'printf %s "$TOKEN"')).trim();
    const basic = Buffer.from(`x-access-token:${token}`).toString("base64");
    const monitor = await findMonitor(ws.home.stateDirectory);
    assert.deepEqual(inMemoryOf(monitor, [shown, token, basic]), [shown]);
    transcript.push(await ws.pyro.logsWorkspace(id), await ws.pyro.summarizeWorkspace(id));
    const scan = new SecretScan([token]);
    assert.equal(scan.finds(Buffer.from(JSON.stringify(transcript))), false);
    const places = await scan.places({
      directories: [ws.home.stateDirectory],
      since: began,
      processTraces: [ws.home.directory],
    });
    assert.deepEqual(
      places.filter((place) => !place.endsWith("/secrets.json")),
      [],
    );
  });
});
