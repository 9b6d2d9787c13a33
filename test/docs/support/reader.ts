import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { copyCache, PyroHome, repository, scratchDirectory } from "../../support/home.ts";
import { endProcess, findMonitors, findSupervisors } from "../../support/host-processes.ts";
import { npmEnvironment } from "../../support/npm.ts";
import { type PyroProcess, startProcess } from "../../support/process.ts";
import { checkOut } from "../../use-cases/support/scene.ts";

/** What a checkout has after `make setup`, as far as a reader uses it. */
const checkout = ["bin", "dist", "docs", "skills", ".claude-plugin", "package.json", ".npmrc"];
const checkoutFiles = ["server.json", "README.md", "CHANGELOG.md", "LICENSE", "Makefile"];

/** Configuration of coding agents that were used before, so that they are there to be connected. */
export const agentFiles = {
  ".claude.json": `{\n  "numStartups": 3\n}\n`,
  ".codex/config.toml": `# mine\nmodel = "some-model"\n`,
  ".config/opencode/opencode.jsonc": `{\n  // mine\n  "theme": "dark"\n}\n`,
};

/** Mends what the project's tests find. */
const fix = `--- a/durations/__init__.py
+++ b/durations/__init__.py
@@ -18,3 +18,3 @@
     hours = seconds // 3600
-    minutes = seconds // 60
+    minutes = seconds // 60 % 60
     rest = seconds % 60
`;

/** Longer than any command of a page may take. */
const patienceMs = 120_000;

/** What a command looked like to whoever typed it. */
export interface Seen {
  readonly code: number | null;
  readonly text: string;
}

/**
 * A person with a home of their own who types what pages say, at a terminal. Nothing tells pyro where its directories are; its
 * cache holds the environments, because building them takes minutes, but no template.
 */
export class Reader implements AsyncDisposable {
  readonly home: string;
  directory: string;
  readonly #started: PyroProcess[] = [];
  readonly #variables: Record<string, string> = {};
  readonly #npm = npmEnvironment();

  private constructor(home: string) {
    this.home = home;
    this.directory = home;
  }

  static async open(environment: string): Promise<Reader> {
    const shared = await PyroHome.warm(environment);
    await shared.dispose();
    // Beside the shared cache, because its files are linked.
    const reader = new Reader(scratchDirectory(dirname(shared.cacheDirectory)));
    mkdirSync(reader.path("tmp"));
    mkdirSync(reader.path(".cache", "pyro"), { recursive: true, mode: 0o700 });
    await copyCache(reader.path(".cache", "pyro"), { images: true, link: true });
    return reader;
  }

  path(...names: string[]): string {
    return join(this.home, ...names);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  /** What pages take for granted: a checkout that was set up, agents, a project with a bug, and a patch for it. */
  prepare(): void {
    for (const name of [...checkout, ...checkoutFiles])
      cpSync(join(repository, name), this.path("pyro", name), { recursive: true });
    for (const [name, text] of Object.entries(agentFiles)) this.write(name, text);
    mkdirSync(this.path("src"));
    renameSync(checkOut("durations", this.path("tmp")), this.path("src", "project"));
    this.write("fix.diff", fix);
    this.write(".npmrc", `prefix=${this.path(".local")}\n`);
    mkdirSync(this.path("programs", "node_modules"), { recursive: true });
    this.write("programs/package.json", `{ "type": "module" }\n`);
    const installed = this.path(".local", "lib", "node_modules", "pyro-mcp");
    symlinkSync(installed, this.path("programs", "node_modules", "pyro-mcp"));
  }

  get env(): Record<string, string> {
    return {
      ...this.#npm,
      ...this.#variables,
      HOME: this.home,
      PATH: `${this.path(".local", "bin")}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      SHELL: "/bin/bash",
      TERM: "xterm-256color",
      LANG: "C.UTF-8",
      TMPDIR: this.path("tmp"),
      NO_COLOR: "1",
    };
  }

  /** Types one command at a terminal that has nothing to read; the directory it ends in is where the next one begins. */
  async type(command: string): Promise<Seen> {
    const marker = this.path("tmp", "directory");
    const kept = this.path("tmp", "variable");
    // What a reader puts into a variable is there for the next commands.
    const [, variable] = /^(\w+)=\$\(/.exec(command) ?? [];
    const keeping = variable === undefined ? "" : `printf %s "$${variable}" > '${kept}';`;
    const line = `stty cols 120 rows 50\n${command}\n{ code=$?; ${keeping} pwd > '${marker}'; exit $code; }`;
    const started = startProcess(["script", "-qefc", line, "/dev/null"], {
      env: this.env,
      cwd: this.directory,
    });
    this.#started.push(started);
    const timer = setTimeout(() => started.signal("SIGKILL"), patienceMs);
    const { code, stdout } = await started.ended.finally(() => clearTimeout(timer));
    if (variable !== undefined && existsSync(kept)) {
      this.#variables[variable] = readFileSync(kept, "utf8");
      rmSync(kept);
    }
    if (!existsSync(marker)) return { code, text: this.#visible(stdout) };
    this.directory = readFileSync(marker, "utf8").trim();
    rmSync(marker);
    return { code, text: this.#visible(stdout) };
  }

  /** What is left on the screen, where a line that was begun again shows only what came last. */
  #visible(text: string): string {
    return text
      .replaceAll("\r\n", "\n")
      .split("\n")
      .map((line) => line.slice(line.lastIndexOf("\r") + 1).replaceAll("\u001b[K", ""))
      .join("\n")
      .replaceAll(this.home, "/home/you");
  }

  get sessions(): readonly number[] {
    return this.#started.map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of this.#started) await started.kill();
    for (const pid of [...findMonitors(this.home), ...findSupervisors(this.home)]) endProcess(pid);
    rmSync(this.home, { recursive: true, force: true });
  }
}
