import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { PyroError } from "../../../src/index.ts";
import type { Scope, Surroundings } from "../../../src/integrations/agent.ts";
import { agentNamed } from "../../../src/integrations/agents/all-agents.ts";
import { connectHost } from "../../../src/integrations/connect-host.ts";
import { disconnectHost } from "../../../src/integrations/disconnect-host.ts";
import { doctorHosts } from "../../../src/integrations/doctor-hosts.ts";
import { editors } from "../../../src/integrations/edit/editors.ts";
import { printConfig } from "../../../src/integrations/print-config.ts";
import { repairHost } from "../../../src/integrations/repair-host.ts";
import type { ServeOptions } from "../../../src/integrations/serve-command.ts";
import { repository, scratchDirectory } from "../../support/home.ts";

const executable = join(repository, "bin", "pyro");

/** A user without any coding agent's program, in a project of theirs. */
class User implements Disposable {
  readonly directory = scratchDirectory();
  readonly surroundings: Surroundings;

  constructor(env: Record<string, string> = {}) {
    const home = join(this.directory, "home");
    const currentDirectory = join(this.directory, "project");
    mkdirSync(home);
    mkdirSync(currentDirectory);
    const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
    this.surroundings = { env: { HOME: home, PATH, ...env }, home, currentDirectory };
  }

  path(host: string, scope: Scope): string {
    return agentNamed(host).place(scope, this.surroundings).path;
  }

  write(host: string, scope: Scope, text: string): string {
    const path = this.path(host, scope);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  connect(host: string, scope: Scope, serve: ServeOptions = {}, force = false) {
    return connectHost(host, { scope, serve, force }, this.surroundings);
  }

  disconnect(host: string, scope: Scope, force = false) {
    return disconnectHost(host, { scope, force }, this.surroundings);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** What coding agents' files look like, and worse. */
const files: Record<string, Record<string, string>> = {
  "claude-code": {
    plain: `{\n  "mcpServers": {\n    "other": { "command": "x" }\n  },\n  "z": 1\n}\n`,
    "with an empty parent": `{ "mcpServers": {} }`,
    "with a BOM and CRLF": `\ufeff{\r\n\t"numStartups": 3\r\n}`,
    "on one line": `{"a":[1,2],"mcpServers":{"b":{"command":"c"}}}`,
    empty: "",
  },
  codex: {
    plain: `# mine\nmodel = "x"\n\n[mcp_servers.other] # theirs\ncommand="y"\n`,
    "without an end": `[mcp_servers.other]\nargs = [\n"a", # b\n]`,
    "with a BOM and CRLF": `\ufeffmodel = 'x'\r\n\r\n\r\n`,
    empty: "",
  },
  opencode: {
    plain: `{\n  // mine\n  "mcp": {\n    "other": { "type": "local", "command": ["x"] }, // theirs\n  },\n}\n`,
    "with an empty parent": `{\n\t"mcp": {\n\t\t// none yet\n\t}\n}\n`,
    "with a BOM and CRLF": `\ufeff{\r\n  /* c */ "theme": "x"\r\n}\r\n`,
    "with comments only": "// nothing yet\n",
    empty: "",
  },
};

const scopes = ["user", "project"] as const;

for (const [host, texts] of Object.entries(files))
  for (const scope of scopes) {
    describe(`${host}, for the ${scope}`, () => {
      for (const [name, before] of Object.entries(texts))
        test(`a file ${name}: connected twice, changed, and as it was again`, async () => {
          using user = new User();
          const path = user.write(host, scope, before);
          chmodSync(path, 0o640);
          const first = await user.connect(host, scope);
          assert.equal(first.action, "connected");
          assert.equal(first.path, path);
          assert.deepEqual(first.command, [executable, "mcp", "serve"]);
          assert.equal(first.backupPath, `${path}.pyro-backup`);
          assert.equal(readFileSync(`${path}.pyro-backup`, "utf8"), before);
          const connected = readFileSync(path, "utf8");
          assert.equal((await user.connect(host, scope)).action, "unchanged");
          assert.equal(readFileSync(path, "utf8"), connected);
          assert.equal(statSync(path).mode & 0o777, 0o640);
          const changed = await user.connect(host, scope, { profile: "vm-run" });
          assert.equal(changed.action, "updated");
          assert.match(readFileSync(path, "utf8"), /vm-run/);
          await user.connect(host, scope);
          assert.equal(readFileSync(path, "utf8"), connected);
          await user.connect(host, scope, { profile: "vm-run" });
          assert.equal((await user.disconnect(host, scope)).action, "disconnected");
          assert.equal(readFileSync(path, "utf8"), before);
          assert.deepEqual(readdirSync(dirname(path)), [path.slice(dirname(path).length + 1)]);
          assert.equal((await user.disconnect(host, scope)).action, "absent");
        });

      test("what the user wrote since is kept", async () => {
        using user = new User();
        const format = agentNamed(host).place(scope, user.surroundings).format;
        const path = user.write(host, scope, texts.plain ?? "");
        await user.connect(host, scope);
        const edit = (text: string) => editors[format].write(text, ["later"], { a: 1 });
        writeFileSync(path, edit(readFileSync(path, "utf8")));
        await user.disconnect(host, scope);
        assert.equal(readFileSync(path, "utf8"), edit(texts.plain ?? ""));
      });

      test("somebody else's entry is replaced only by force, and comes back", async () => {
        using user = new User();
        const { format, keyPath } = agentNamed(host).place(scope, user.surroundings);
        const theirs = { command: host === "opencode" ? ["fire"] : "fire" };
        const before = editors[format].write(texts.plain ?? "", keyPath, theirs);
        const path = user.write(host, scope, before);
        await assert.rejects(user.connect(host, scope), isError("host_config_conflict", /pyro/));
        await assert.rejects(user.disconnect(host, scope), isError("host_config_conflict", /pyro/));
        assert.equal(readFileSync(path, "utf8"), before);
        assert.equal((await user.connect(host, scope, {}, true)).action, "connected");
        assert.equal((await user.connect(host, scope, {}, true)).action, "unchanged");
        await user.connect(host, scope, { profile: "vm-run" });
        await user.disconnect(host, scope);
        assert.equal(readFileSync(path, "utf8"), before);
      });

      test("a malformed file is named with its line and left alone", async () => {
        using user = new User();
        const path = user.write(host, scope, `{\n"a" = "\n`);
        const refused = isError("host_config_unreadable", `${path}, line `);
        await assert.rejects(user.connect(host, scope), refused);
        await assert.rejects(user.disconnect(host, scope), refused);
        assert.equal(readFileSync(path, "utf8"), `{\n"a" = "\n`);
        assert.equal(existsSync(`${path}.pyro-backup`), false);
        const report = await doctorHosts(host, user.surroundings);
        assert.equal(report.healthy, false);
      });

      test("a key that stands twice on the way to the entry is named with its lines", async () => {
        using user = new User();
        const place = agentNamed(host).place(scope, user.surroundings);
        if (place.format === "toml") return;
        const [key = ""] = place.keyPath;
        const twice = `{\n  "${key}": {},\n  "other": 1,\n  "${key}": {}\n}\n`;
        const path = user.write(host, scope, twice);
        const said = `"${key}" stands there 2 times, in the lines 2 and 4; leave one`;
        for (const force of [false, true])
          await assert.rejects(
            user.connect(host, scope, {}, force),
            isError("host_config_unreadable", said),
          );
        assert.equal(readFileSync(path, "utf8"), twice);
        const { hosts } = await doctorHosts(host, user.surroundings);
        assert.ok(hosts[0]?.checks.some(({ message }) => message.includes(said)));
      });

      test("a linked file stays a link", async () => {
        using user = new User();
        const target = join(user.directory, "dotfile");
        const path = user.write(host, scope, "");
        rmSync(path);
        writeFileSync(target, texts.plain ?? "");
        symlinkSync(target, path);
        await user.connect(host, scope);
        assert.ok(lstatSync(path).isSymbolicLink());
        assert.match(readFileSync(target, "utf8"), /pyro/);
        await user.disconnect(host, scope);
        assert.ok(lstatSync(path).isSymbolicLink());
        assert.equal(readFileSync(target, "utf8"), texts.plain);
      });

      test("what cannot be written says so", async () => {
        using user = new User();
        const path = user.write(host, scope, "");
        rmSync(path);
        symlinkSync("/proc/nowhere/file", path);
        // A user's file that leads nowhere is one that is not there.
        const code = scope === "user" ? "host_not_installed" : "host_config_unwritable";
        await assert.rejects(user.connect(host, scope), isError(code));
        assert.ok(lstatSync(path).isSymbolicLink());
      });

      test("bytes that are no text are refused", async () => {
        using user = new User();
        const path = user.write(host, scope, "");
        writeFileSync(path, Buffer.from([0x7b, 0xff, 0xfe]));
        await assert.rejects(user.connect(host, scope), isError("host_config_unreadable", /UTF-8/));
      });
    });

    test(`${host}, for the ${scope}: print-config shows the entry and writes nothing`, () => {
      using user = new User();
      const printed = printConfig(host, { scope, serve: { profile: "vm-run" } }, user.surroundings);
      assert.equal(printed.path, user.path(host, scope));
      assert.ok(printed.text.includes(executable));
      editors[printed.format].parse(printed.text);
      assert.equal(existsSync(printed.path), false);
    });
  }

for (const host of Object.keys(files)) {
  test(`${host}: a project's file that was not there goes again`, async () => {
    using user = new User();
    const { path, backupPath } = await user.connect(host, "project");
    assert.equal(backupPath, null);
    await user.connect(host, "project", { profile: "vm-run" });
    await user.disconnect(host, "project");
    assert.equal(existsSync(path), false);
    assert.equal(existsSync(`${path}.pyro-backup`), false);
  });

  test(`${host}: who has neither program nor configuration is told how to get it`, async () => {
    using user = new User();
    const failed = user.connect(host, "user");
    await assert.rejects(failed, isError("host_not_installed", /not installed/));
    await assert.rejects(repairHost(host, {}, user.surroundings), isError("host_not_connected"));
  });

  test(`${host}: doctor finds a moved executable, repair mends it and keeps the options`, async () => {
    using user = new User();
    const path = user.write(host, "user", "");
    await user.connect(host, "user", { profile: "vm-run", projectPath: "." });
    const good = readFileSync(path, "utf8");
    const ok = await doctorHosts(host, user.surroundings);
    assert.equal(ok.healthy, true, JSON.stringify(ok));
    assert.equal(ok.hosts[0]?.toolCount, 1);
    assert.equal(ok.hosts[0]?.connected, true);
    assert.equal((await repairHost(host, {}, user.surroundings))[0]?.action, "unchanged");
    writeFileSync(
      path,
      good.replace(executable, "/gone/pyro").replace(`"serve"`, `"serve", "--old"`),
    );
    const broken = await doctorHosts(host, user.surroundings);
    assert.equal(broken.healthy, false);
    const failed = broken.hosts[0]?.checks.find(({ status }) => status === "fail");
    assert.equal(failed?.message, "/gone/pyro does not exist");
    assert.equal(failed?.fix, `pyro host repair ${host}`);
    assert.equal((await repairHost(host, {}, user.surroundings))[0]?.action, "updated");
    assert.deepEqual(
      editors[agentNamed(host).place("user", user.surroundings).format].parse(
        readFileSync(path, "utf8"),
      ),
      editors[agentNamed(host).place("user", user.surroundings).format].parse(good),
    );
    const [mended] = await repairHost(
      host,
      { serve: { profile: "workspace-core" } },
      user.surroundings,
    );
    assert.deepEqual(mended?.command.slice(3, 5), ["--profile", "workspace-core"]);
  });
}

test("directories of pyro's own come along, with what the user added to the entry", async () => {
  using user = new User({ PYRO_STATE_DIR: "/s", PYRO_CACHE_DIR: "/c" });
  const path = user.write("codex", "user", "");
  await user.connect("codex", "user");
  const entry = () => Reflect.get(readEntry(path), "pyro");
  assert.deepEqual({ ...entry().env }, { PYRO_CACHE_DIR: "/c", PYRO_STATE_DIR: "/s" });
  assert.equal(entry().required, true);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, `${text.replace("30", "99")}enabled = false\nenabled_tools = ["vm_run"]\n`);
  using other = new User();
  const surroundings = { ...user.surroundings, env: other.surroundings.env };
  await connectHost("codex", {}, surroundings);
  assert.equal(entry().env, undefined);
  assert.equal(entry().enabled, true);
  assert.equal(entry().startup_timeout_sec, 99);
  assert.deepEqual(entry().enabled_tools, ["vm_run"]);
});

test("the user's own places for configuration are followed", () => {
  using user = new User({
    CODEX_HOME: "/x/codex",
    XDG_CONFIG_HOME: "/x",
    CLAUDE_CONFIG_DIR: "/x/c",
  });
  assert.equal(user.path("codex", "user"), "/x/codex/config.toml");
  assert.equal(user.path("opencode", "user"), "/x/opencode/opencode.jsonc");
  assert.equal(user.path("claude-code", "user"), "/x/c/.claude.json");
});

test("OpenCode's existing file is used whatever it is called", async () => {
  using user = new User();
  const directory = join(user.surroundings.home, ".config", "opencode");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "opencode.json"), "{}");
  assert.equal(user.path("opencode", "user"), join(directory, "opencode.json"));
});

test("an unknown coding agent and impossible options are refused before anything is touched", async () => {
  using user = new User();
  await assert.rejects(user.connect("claud-code", "user"), (error) => {
    assert.ok(error instanceof PyroError);
    assert.equal(error.code, "host_unknown");
    assert.match(error.hint ?? "", /Did you mean claude-code\?/);
    return true;
  });
  for (const serve of [
    { repoRef: "v1" },
    { withGit: true },
    { repoUrl: "https://example.org/a.git", projectPath: "." },
    { projectPath: "missing" },
    { allowPath: ["missing"] },
  ])
    await assert.rejects(user.connect("codex", "project", serve), isError("invalid_argument"));
  assert.deepEqual(readdirSync(user.surroundings.currentDirectory), []);
});

function readEntry(path: string): object {
  const parsed = editors.toml.parse(readFileSync(path, "utf8"));
  return parsed.mcp_servers as object;
}

function isError(code: string, message: string | RegExp = ""): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof PyroError, String(error));
    assert.equal(error.code, code, error.message);
    if (typeof message === "string") assert.ok(error.message.includes(message), error.message);
    else assert.match(error.message, message);
    return true;
  };
}
