import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { after, before, describe, it, type TestContext } from "node:test";
import { parseAddress } from "../../src/network/address.ts";
import { classify } from "../../src/network/address-class.ts";
import { ownRegistries } from "../../src/network/own-registries/own-registries.ts";
import { registryHosts } from "../../src/network/registries.ts";
import {
  go,
  guestTrusted,
  missing,
  npm,
  ownIndexes,
  packageManagers,
  pip,
  reachedRegistry,
  trusted,
} from "../support/own-indexes.ts";
import { environmentWith } from "../support/programs-environment.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

// What this machine's own clients are set to, defaults included, is made explicit for pyro and handed into the guest, with the
// certificates that they trust here. No index is named in this file.

const javaTrusted = "/etc/ssl/certs/java/cacerts";
const aptSources = "/etc/apt/sources.list.d/debian.sources";

describe("preset registries, and what this machine's package managers are set to", () => {
  const variables = { ...process.env };
  const indexes: Partial<Record<string, string>> = {};
  let ws: TestWorkspaces;
  let id: string;

  before(async () => {
    Object.assign(indexes, await ownIndexes());
    for (const [name, index] of Object.entries(indexes))
      if (index !== undefined) process.env[name] = index;
    ws = await TestWorkspaces.open();
    const environment = await environmentWith(ws.home, packageManagers);
    ({ workspaceId: id } = await ws.create({
      ...{ name: "registries", environment },
      ...{ networkPolicy: "egress", networkPreset: "registries" },
    }));
    if (existsSync(trusted)) await give(createReadStream(trusted), guestTrusted);
    if (existsSync(javaTrusted)) await give(createReadStream(javaTrusted), javaTrusted);
  });
  after(async () => {
    for (const name of Object.keys(indexes))
      if (variables[name] === undefined) delete process.env[name];
      else process.env[name] = variables[name];
    await ws.pyro.deleteWorkspace(id);
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  async function give(stdin: Readable, path: string): Promise<void> {
    const { exitCode } = await ws.pyro.execWorkspace(id, {
      command: ["sh", "-c", 'cat > "$1"', "sh", path],
      stdin,
    });
    assert.equal(exitCode, 0);
  }

  const attempt = (line: string, environment: Record<string, string>) => {
    const settings = {
      ...{ HOME: "/root", ...environment },
      ...{ PIP_CERT: guestTrusted, SSL_CERT_FILE: guestTrusted },
      ...{ NODE_EXTRA_CA_CERTS: guestTrusted, CARGO_HTTP_CAINFO: guestTrusted },
    };
    const variables = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    const command = ["env", ...variables, "sh", "-ec", line];
    return ws.pyro.execWorkspace(id, { command, timeoutSeconds: 550 });
  };

  /** One real install, all of whose connections went where they were to. */
  async function installs(line: string, environment: Record<string, string> = {}): Promise<string> {
    const result = await attempt(line, environment);
    assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
    assert.deepEqual(result.deniedConnections, []);
    return result.stdout;
  }

  /**
   * The same from an index that its client knows by itself, so that nothing tells of it: where this machine's own network answers for the
   * name of a registry, a person opens its address.
   */
  async function installsFromPublic(line: string): Promise<string> {
    let result = await attempt(line, {});
    for (let tries = 0; tries < 3 && result.deniedConnections.length > 0; tries++) {
      for (const { host, port, rule } of result.deniedConnections) {
        assert.ok(registryHosts.includes(host), `${host} is no registry`);
        assert.match(rule, /^default deny (private|reserved)$/);
        const { address } = await lookup(host);
        await ws.pyro.changeNetwork(id, { allow: [`${address}:${port}`] });
      }
      result = await attempt(line, {});
    }
    assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
    return result.stdout;
  }

  /** Each connection to the host of `index` was allowed as a registry, and there was one. */
  async function assertReached(index: string): Promise<void> {
    const { connections } = await ws.pyro.logNetwork(id);
    const rules = connections
      .filter(({ host }) => host === new URL(index).hostname)
      .map(({ verdict, rule }) => `${verdict} by ${rule}`);
    assert.deepEqual([...new Set(rules)], ["allow by preset registries"]);
  }

  async function indexHere(t: TestContext, name: string): Promise<string | undefined> {
    const why = await missing(indexes[name]);
    if (why !== undefined) t.skip(why);
    return why === undefined ? indexes[name] : undefined;
  }

  it("are shown, and are what is checked, port by port", async (t) => {
    const network = await ws.pyro.showNetwork(id);
    assert.deepEqual(network.ownRegistries, ownRegistries());
    const index = await indexHere(t, npm);
    if (index === undefined) return;
    const { hostname, port, protocol } = new URL(index);
    const named = Number(port) || (protocol === "http:" ? 80 : 443);
    const checked = await ws.pyro.checkNetwork(id, `${hostname}:${named}`);
    assert.deepEqual([checked.verdict, checked.rule], ["allow", "preset registries"]);
    assert.equal((await ws.pyro.checkNetwork(id, `${hostname}:9`)).verdict, "deny");
  });

  it("let npm install", async (t) => {
    const index = await indexHere(t, npm);
    if (index === undefined) return;
    const line =
      "mkdir /tmp/npm && cd /tmp/npm && npm install --no-audit --no-fund left-pad@1.3.0 >&2 && node -p 'require(\"left-pad\")(7, 3, 0)'";
    assert.equal(await installs(line, { [npm]: index }), "007\n");
    await assertReached(index);
  });

  it("let go fetch a module, checked against its sum", async (t) => {
    const index = await indexHere(t, go);
    if (index === undefined) return;
    const line =
      "mkdir /tmp/go && cd /tmp/go && go mod init example.com/a >&2 && go mod download github.com/google/uuid@v1.6.0 && ls $(go env GOMODCACHE)/github.com/google";
    const settings = { [go]: index, GOTOOLCHAIN: "local", GOFLAGS: "-mod=mod" };
    assert.match(await installs(line, settings), /uuid@v1\.6\.0\n$/);
    await assertReached(index);
  });

  it("let apt install, from the archive that this machine's sources name", async (t) => {
    if (!existsSync(aptSources)) return t.skip(`this machine has no ${aptSources}`);
    const text = readFileSync(aptSources, "utf8");
    const archive = /^URIs: *(\S+)/m.exec(text)?.[1];
    const why = await missing(archive);
    if (archive === undefined || why !== undefined) return t.skip(why);
    // One archive without its updates: their lists take an emulated machine minutes.
    const [first = ""] = text.split("\n\n");
    await installs("rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*");
    await give(Readable.from([first]), aptSources);
    const line =
      "(apt-get update && apt-get install -y --no-install-recommends hello) >&2 && hello -t";
    assert.match(await installs(line), /hello, world/i);
    await assertReached(archive);
  });

  it("let npm ci install what a lock file says, and pnpm the same", async (t) => {
    const index = await indexHere(t, npm);
    if (index === undefined) return;
    const lines = [
      `mkdir /tmp/locked && cd /tmp/locked && printf '{"dependencies":{"left-pad":"1.3.0"}}' > package.json`,
      "npm install --no-audit --no-fund --package-lock-only >&2 && npm ci --no-audit --no-fund >&2",
      "node -p 'require(\"left-pad\")(8, 3, 0)' && rm -rf node_modules package-lock.json",
      "npm install --no-audit --no-fund --prefix /tmp/pnpm-tool pnpm@9.15.9 >&2",
      "/tmp/pnpm-tool/node_modules/.bin/pnpm install --store-dir /tmp/pnpm-store >&2",
      "test -d node_modules/.pnpm && node -p 'require(\"left-pad\")(9, 3, 0)'",
    ];
    assert.equal(await installs(lines.join("\n"), { [npm]: index }), "008\n009\n");
  });

  // The following open what an index may send its clients on to, or what its clients know by themselves.

  it("let pip and uv install", async (t) => {
    const index = await indexHere(t, pip);
    if (index === undefined) return;
    const settings = { [pip]: index };
    assert.match(await installs("pip index versions six", settings), /six \(\d/);
    await assertReached(index);
    const page = await (await fetch(`${index.replace(/\/$/, "")}/six/`)).text();
    const file = new URL(/href="([^"#]+\.whl)/.exec(page)?.[1] ?? assert.fail(page), index);
    // A store on the machine's own network that no setting names is opened by its address.
    const { address } = await lookup(file.hostname);
    const isPublic = classify(parseAddress(address) ?? [], []) === "public";
    if (!isPublic && file.hostname !== new URL(index).hostname) {
      const port = file.port || (file.protocol === "http:" ? "80" : "443");
      await ws.pyro.changeNetwork(id, {
        allow: [address.includes(":") ? address : `${address}:${port}`],
      });
    }
    const line =
      "pip install --target /tmp/pip six==1.16.0 >&2 && PYTHONPATH=/tmp/pip python3 -c 'import six; print(six.__version__)'";
    assert.equal(await installs(line, settings), "1.16.0\n");

    const uv = [
      "pip install --target /tmp/uv-tool uv==0.9.5 >&2",
      "/tmp/uv-tool/bin/uv pip install --target /tmp/uv six==1.16.0 >&2",
      "PYTHONPATH=/tmp/uv python3 -c 'import six; print(six.__version__)'",
    ];
    const own = { ...settings, UV_DEFAULT_INDEX: index, UV_CACHE_DIR: "/tmp/uv-cache" };
    assert.equal(await installs(uv.join("\n"), own), "1.16.0\n");
  });

  it("let cargo build with a crate, from the index it knows by itself", async (t) => {
    if ((await reachedRegistry(t, /^index\.crates/)) === undefined) return;
    const main = 'fn main() { println!("{}", itoa::Buffer::new().format(42)) }';
    const lines = [
      "rm -rf /tmp/cargo && cargo init -q --name a /tmp/cargo && cd /tmp/cargo",
      "printf 'itoa = \"=1.0.11\"\n' >> Cargo.toml",
      `printf '%s' '${main}' > src/main.rs && cargo build -q && target/debug/a`,
    ];
    assert.equal(await installsFromPublic(lines.join("\n")), "42\n");
  });

  it("let Maven fetch an artifact, from the repository it knows by itself", async (t) => {
    if ((await reachedRegistry(t, /maven/)) === undefined) return;
    // By no plugin: those are many more artifacts than an emulated machine has time for.
    const pom =
      "<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>a</artifactId><version>1</version><packaging>pom</packaging>" +
      "<parent><groupId>org.sonatype.oss</groupId><artifactId>oss-parent</artifactId><version>7</version><relativePath/></parent></project>";
    const lines = [
      `rm -rf /tmp/mvn && mkdir /tmp/mvn && cd /tmp/mvn && printf '%s' '${pom}' > pom.xml`,
      "mvn -B -q validate >&2 && ls ~/.m2/repository/org/sonatype/oss/oss-parent/7",
    ];
    assert.match(await installsFromPublic(lines.join("\n")), /^oss-parent-7\.pom$/m);
  });

  it("let git clone from a forge", async (t) => {
    const forge = await reachedRegistry(t, /^git/);
    if (forge === undefined) return;
    const url = `https://${forge}/octocat/Hello-World.git`;
    const line = `rm -rf /tmp/clone && git clone -q --depth 1 ${url} /tmp/clone && ls /tmp/clone`;
    assert.equal(await installsFromPublic(line), "README\n");
  });
});
