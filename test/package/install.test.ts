import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { codingAgents } from "../../src/integrations/agents/all-agents.ts";
import { editors } from "../../src/integrations/edit/editors.ts";
import { readText, stepsOf } from "../docs/support/page-blocks.ts";
import { type Json, McpConnection, textOf } from "../mcp/support/mcp-connection.ts";
import { PyroHome, repository } from "../support/home.ts";
import { npmEnvironment } from "../support/npm.ts";
import { filesUnder } from "../support/oracle.ts";
import type { Ended } from "../support/process.ts";
import { callsOf, mismatch } from "../use-cases/support/page.ts";

const page = "docs/first-run.md";

/** Claude Code's own commands, as far as pyro uses them; like the original's, they keep an empty `mcpServers`. */
const claude = `#!/usr/bin/env node
import { existsSync, readFileSync, writeFileSync } from "node:fs";
const [group, action, , , name, entry] = process.argv.slice(2);
if (group === "--version") console.log("1.0.0 (stand-in)");
else {
  const path = process.env.HOME + "/.claude.json";
  const state = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  const { [name]: _, ...others } = state.mcpServers ?? {};
  const mcpServers = action === "add-json" ? { ...others, [name]: JSON.parse(entry) } : others;
  writeFileSync(path, JSON.stringify({ ...state, mcpServers }, null, 2));
}
`;

describe("the package, installed into an empty prefix for somebody with an empty home", () => {
  let home: PyroHome;
  let env: Record<string, string>;
  let project: string;
  before(async () => {
    await (await PyroHome.warm("debian:12")).dispose();
    home = await PyroHome.private();
    env = { ...npmEnvironment(), PATH: pathOf() };
    project = join(home.directory, "greeter");
  });
  after(() => home.dispose());

  const prefix = () => join(home.directory, "prefix");
  const programs = () => join(home.directory, "programs");
  const pathOf = () =>
    [join(prefix(), "node_modules/.bin"), programs(), dirname(process.execPath)]
      .concat(["/usr/bin", "/bin"])
      .join(":");

  async function run(command: readonly string[], cwd = home.directory): Promise<Ended> {
    return await home.startProgram(command, { env, cwd }).ended;
  }

  async function runs(command: readonly string[], cwd?: string): Promise<string> {
    const { code, stdout, stderr } = await run(command, cwd);
    assert.equal(code, 0, `${command.join(" ")}: ${stderr}`);
    return stdout;
  }

  it("is packed with what it runs on and nothing of its making", async () => {
    const packed = await runs(
      ["npm", "pack", "--json", "--pack-destination", home.directory],
      repository,
    );
    const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }];
    const names = files.map(({ path }) => path);
    const [built, read] = [
      "dist/cli.js dist/completion.json dist/guest/pyro-agent",
      "docs/install.md",
    ];
    for (const needed of ["bin/pyro", ...built.split(" "), read])
      assert.ok(names.includes(needed), needed);
    const foreign = /^(src|test|guest|tools|bench|node_modules)\//;
    assert.deepEqual(
      names.filter((name) => foreign.test(name)),
      [],
    );
  });

  it("installs, says its version, and is a library", async () => {
    mkdirSync(prefix());
    await runs(["npm", "install", "--prefix", prefix(), join(home.directory, tarball())]);
    const { version } = JSON.parse(readText("package.json"));
    assert.equal(await runs(["pyro", "--version"]), `${version}\n`);
    const program = `import("pyro-mcp").then(({ Pyro, createServer }) => console.log(typeof Pyro, typeof createServer))`;
    assert.equal(
      await runs(
        [process.execPath, "--disable-warning=ExperimentalWarning", "-e", program],
        prefix(),
      ),
      "function function\n",
    );
  });

  it("runs a command in a guest", async () => {
    const said = await runs(["pyro", "run", "debian:12", "--", "git", "--version"]);
    assert.match(said, /^git version \d+\.\d+\.\d+\n$/);
  });

  it("tells who has no coding agent how to get it, and writes nothing", async () => {
    for (const { name, install } of codingAgents) {
      const { code, stderr } = await run(["pyro", "host", "connect", name]);
      assert.equal(code, 1);
      assert.ok(stderr.includes(`hint: Install it: ${install}`), stderr);
    }
    for (const left of [".claude.json", ".codex", ".config"])
      assert.equal(existsSync(join(home.directory, left)), false, left);
  });

  it("connects every coding agent, and what it registered serves its tools", async () => {
    installAgents();
    for (const agent of codingAgents) {
      await runs(["pyro", "host", "connect", agent.name]);
      await using connection = await McpConnection.open(home, [], registered(agent.name));
      assert.equal((await connection.tools()).size, 17, agent.name);
    }
    const report = JSON.parse(await runs(["pyro", "host", "doctor", "--json"]));
    assert.equal(report.healthy, true);
    assert.deepEqual(
      report.hosts.map((host: Json) => [host.connected, host.tool_count]),
      codingAgents.map(() => [true, 17]),
    );
  });

  it(`makes the calls of the first prompt, as ${page} shows them`, async () => {
    await makeProject();
    await using connection = await McpConnection.open(home, [], registered("codex"));
    const calls = callsOf(readText(page), page);
    assert.deepEqual(
      [calls[0]?.tool, calls.at(-1)?.tool],
      ["workspace_create", "workspace_delete"],
    );
    for (const { tool, input, answer, line } of calls) {
      const result = await connection.call(tool, input);
      const text = textOf(result);
      assert.ok(!result.isError, `${page}:${line}: ${text}`);
      const why = answer && mismatch(answer, { text, record: result.structuredContent });
      assert.equal(why, undefined, `${page}:${line}: ${why}`);
    }
    const mended = readFileSync(join(project, "greeter.py.fixed"), "utf8");
    assert.match(mended, /"Hello, " \+ name$/m);
    assert.match(readFileSync(join(project, "greeter.py"), "utf8"), /nane$/m, "the checkout stays");
  });

  it("leaves nothing behind", async () => {
    for (const { name } of codingAgents) await runs(["pyro", "host", "disconnect", name]);
    const state = JSON.parse(readFileSync(join(home.directory, ".claude.json"), "utf8"));
    assert.deepEqual(state, { mcpServers: {} });
    for (const folder of [".codex", ".config/opencode"])
      assert.deepEqual(filesUnder(join(home.directory, folder)), [], folder);
    await runs(["npm", "uninstall", "--prefix", prefix(), "pyro-mcp"]);
    const installed = filesUnder(join(prefix(), "node_modules"));
    assert.deepEqual(
      installed.filter((name) => /pyro/.test(name)),
      [],
    );
    await home.assertNothingLeft();
  });

  function tarball(): string {
    const { name, version } = JSON.parse(readText("package.json"));
    return `${name}-${version}.tgz`;
  }

  /** The command and environment that a coding agent would start, from its own file. */
  function registered(name: string) {
    const agent = codingAgents.find((one) => one.name === name);
    assert.ok(agent !== undefined);
    const user = { ...home.env, ...env };
    const surroundings = { env: user, home: home.directory, currentDirectory: project };
    const { path, format, keyPath } = agent.place("user", surroundings);
    const found = keyPath.reduce<unknown>(
      (value, key) => (value as Json)[key],
      editors[format].parse(readFileSync(path, "utf8")),
    );
    const entry = agent.decode(found);
    assert.ok(entry !== undefined, path);
    // With a Node before it where the launcher would not find one on every PATH.
    const program = entry.command.slice(0, entry.command.indexOf("mcp")).at(-1);
    assert.ok(program?.startsWith(prefix()), entry.command.join(" "));
    const server = { command: entry.command, env: agent.serverEnvironment(user, entry) };
    return { server, cwd: existsSync(project) ? project : home.directory };
  }

  function installAgents(): void {
    const others = ["codex", "opencode"].map((name) => [name, "#!/bin/sh\necho 1.0.0\n"] as const);
    mkdirSync(programs());
    writeFileSync(join(programs(), "package.json"), `{ "type": "module" }\n`);
    for (const [name, text] of [["claude", claude] as const, ...others]) {
      writeFileSync(join(programs(), name), text);
      chmodSync(join(programs(), name), 0o755);
    }
  }

  /** The project of the page, made by the page's own commands. */
  async function makeProject(): Promise<void> {
    const making = stepsOf(readText(page)).filter(({ text }) => /^(mkdir|cat >) /.test(text));
    assert.equal(making.length, 3);
    for (const { text } of making) {
      const cwd = existsSync(project) ? project : home.directory;
      await runs(["bash", "-c", text], cwd);
    }
    await runs(["git", "init", "--quiet", project]);
  }
});
