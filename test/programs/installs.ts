import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { lookup } from "node:dns/promises";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { after, before, describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import { parseAddress } from "../../src/network/address.ts";
import { classify } from "../../src/network/address-class.ts";
import { ownRegistries } from "../../src/network/own-registries/own-registries.ts";
import { environmentWith } from "../support/programs-environment.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

// What this machine's own clients are set to, defaults included, is made explicit for pyro and handed into the guest, with the
// certificates that they trust here. No index is named in this file.

const run = promisify(execFile);
const packages = ["ca-certificates", "cargo", "golang-go", "npm", "python3-pip"];
const trusted = process.env.SSL_CERT_FILE || "/etc/ssl/certs/ca-certificates.crt";
const guestTrusted = "/etc/ssl/certs/ca-certificates.crt";
const aptSources = "/etc/apt/sources.list.d/debian.sources";
const [pip, npm, go] = ["PIP_INDEX_URL", "npm_config_registry", "GOPROXY"] as const;

/** What a client of this machine says its index is; undefined where there is no such client. */
async function indexOf(pattern: RegExp, ...commands: readonly string[][]) {
  for (const [program = "", ...args] of commands) {
    const said = await run(program, args, { cwd: "/" }).catch(() => ({ stdout: "" }));
    const [, index] = pattern.exec(said.stdout.replace(/\s+/g, " ")) ?? [];
    if (index !== undefined) return index;
  }
  return undefined;
}

/** Why an install from `index` cannot be tried; undefined where it answers. */
async function missing(index: string | undefined): Promise<string | undefined> {
  if (index === undefined) return "this machine has no such client, or it names no index";
  const answer = await fetch(index, { signal: AbortSignal.timeout(20_000) }).catch(() => undefined);
  return answer === undefined ? "the index of this machine's client does not answer" : undefined;
}

describe("preset registries, and what this machine's package managers are set to", () => {
  const variables = { ...process.env };
  const indexes: Partial<Record<string, string>> = {};
  let ws: TestWorkspaces;
  let id: string;

  before(async () => {
    const url = /(https?:\/\/[^\s),|]+)/;
    indexes[pip] = await indexOf(
      url,
      ["pip", "config", "get", "global.index-url"],
      ["pip", "install", "--help"],
    );
    indexes[npm] = await indexOf(url, ["npm", "config", "get", "registry"]);
    indexes[go] = await indexOf(url, ["go", "env", "GOPROXY"]);
    for (const [name, index] of Object.entries(indexes))
      if (index !== undefined) process.env[name] = index;
    ws = await TestWorkspaces.open();
    const environment = await environmentWith(ws.home, packages);
    ({ workspaceId: id } = await ws.create({
      ...{ name: "registries", environment },
      ...{ networkPolicy: "egress", networkPreset: "registries" },
    }));
    if (existsSync(trusted)) await give(createReadStream(trusted), guestTrusted);
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

  /** One real install, all of whose connections went where they were to. */
  async function installs(line: string, environment: Record<string, string> = {}): Promise<string> {
    const settings = Object.entries({
      ...environment,
      PIP_CERT: guestTrusted,
      NODE_EXTRA_CA_CERTS: guestTrusted,
    }).map(([name, value]) => `${name}=${value}`);
    const result = await ws.pyro.execWorkspace(id, {
      command: ["env", ...settings, "sh", "-ec", line],
      timeoutSeconds: 280,
    });
    assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
    assert.deepEqual(result.deniedConnections, []);
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
    assert.match(await installs(line, { ...settings, HOME: "/root" }), /uuid@v1\.6\.0\n$/);
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

  it("let cargo build with a crate, from the index it knows by itself", async () => {
    const prepare = "rm -rf /tmp/cargo && cargo init -q --name a /tmp/cargo";
    const main = 'fn main() { println!("{}", itoa::Buffer::new().format(42)) }';
    const lines = [
      `${prepare} && cd /tmp/cargo && printf 'itoa = "=1.0.11"\n' >> Cargo.toml`,
      `printf '%s' '${main}' > src/main.rs && cargo build -q && target/debug/a`,
    ];
    const command = [
      "env",
      "HOME=/root",
      `CARGO_HTTP_CAINFO=${guestTrusted}`,
      "sh",
      "-ec",
      lines.join("\n"),
    ];
    const build = () => ws.pyro.execWorkspace(id, { command, timeoutSeconds: 500 });
    let built = await build();
    // On a machine whose own network answers for the index, that is opened by its address.
    for (let tries = 0; tries < 3 && built.deniedConnections.length > 0; tries++) {
      for (const { host, port, rule } of built.deniedConnections) {
        assert.equal(rule, "default deny private", `${host} is no registry`);
        const { address } = await lookup(host);
        await ws.pyro.changeNetwork(id, { allow: [`${address}:${port}`] });
      }
      built = await build();
    }
    assert.equal(built.stdout, "42\n", built.stderr);
  });

  // The last, as it opens what an index may send its clients on to.
  it("let pip install", async (t) => {
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
  });
});
