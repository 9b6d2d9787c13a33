import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { identifyProcess } from "../../src/platform/processes.ts";
import { repository } from "../support/home.ts";
import { endProcess, findMonitors, findSupervisors } from "../support/host-processes.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

const pyro = join(repository, "bin", "pyro");

/** `pyro workspace shell attach` on a terminal of its own. */
class Attached {
  static readonly #running = new Set<ChildProcessWithoutNullStreams>();
  readonly #child: ChildProcessWithoutNullStreams;
  shown = "";

  constructor(ws: TestWorkspaces, ...args: readonly string[]) {
    const words = [pyro, "workspace", "shell", "attach", ...args].join(" ");
    const line = `stty rows 24 cols 80; echo "tty $(tty)"; sh -c 'echo "pid $$"; exec ${words}'; echo "code $?"; stty -a; read x; echo "typed <$x>"`;
    this.#child = spawn("script", ["-qec", line, "/dev/null"], {
      env: { ...process.env, ...ws.home.env, TERM: "xterm-256color" },
    });
    Attached.#running.add(this.#child);
    this.#child.once("exit", () => Attached.#running.delete(this.#child));
    this.#child.stdout.on("data", (chunk) => {
      this.shown += String(chunk);
    });
  }

  /** Those that a test which failed has left, for which the test runner would wait. */
  static endAll(): void {
    for (const child of Attached.#running) child.kill("SIGKILL");
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  async shows(text: string): Promise<void> {
    await until(
      () => `${JSON.stringify(text)} is shown: ${this.shown.slice(-500)}`,
      () => this.shown.includes(text),
    );
  }

  /** Makes the terminal as large, as whoever drags its window does. */
  async resize(rows: number, cols: number): Promise<void> {
    const [, terminal = ""] = await this.#said(/tty (\S+)\r\n/);
    execFileSync("stty", ["-F", terminal, "rows", String(rows), "cols", String(cols)]);
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    const [, pid] = await this.#said(/pid (\d+)\r\n/);
    process.kill(Number(pid), name);
  }

  /** What becomes of it when its terminal is closed. */
  async hangUp(): Promise<void> {
    const [, pid] = await this.#said(/pid (\d+)\r\n/);
    this.#child.kill("SIGKILL");
    await until("attach is gone", () => identifyProcess(Number(pid)) === undefined);
  }

  async #said(pattern: RegExp): Promise<RegExpExecArray> {
    await until(`${pattern} is shown`, () => pattern.test(this.shown));
    return pattern.exec(this.shown) as RegExpExecArray;
  }

  /** That the terminal is a person's again, and that nothing was typed into it. */
  async isGivenBack(code: number): Promise<void> {
    await this.shows(`code ${code}\r\n`);
    await this.shows(" icanon ");
    assert.doesNotMatch(this.shown.slice(this.shown.lastIndexOf("code ")), /-icanon|-echo /);
    this.type("mine\n");
    await this.shows("typed <mine>");
    if (this.#child.exitCode === null) await once(this.#child, "exit");
  }
}

/** How many sockets a process has: one more for each client that is connected. */
function socketsOf(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).filter((fd) => {
    try {
      return readlinkSync(join(directory, fd)).startsWith("socket:");
    } catch {
      return false;
    }
  }).length;
}

describe("pyro workspace shell", () => {
  let ws: TestWorkspaces;
  let id: string;
  before(async () => {
    ws = await TestWorkspaces.open();
    ({ workspaceId: id } = await ws.create({ name: "cli-shells" }));
  });
  after(async () => {
    Attached.endAll();
    await ws[Symbol.asyncDispose]();
  });

  const run = (...args: readonly string[]) => ws.home.pyro(["workspace", "shell", ...args]);
  const open = async (script: string): Promise<string> => {
    const { stdout } = await run("open", id, "--id-only", "--", "sh", "-c", script);
    return stdout.trim();
  };

  it("is opened, written to, read and closed by commands", async () => {
    const { stdout } = await run("open", id, "--cols", "100", "--id-only", "--", "cat");
    const shell = stdout.trim();
    await run("write", id, shell, "--input", "hello");
    const read = await run("read", id, shell, "--plain", "--wait-for", "hello\nhello");
    assert.equal(read.stdout, "hello\nhello\n");
    assert.match(read.stderr, /note: running · next cursor 14/);
    const json = JSON.parse((await run("read", id, shell, "--screen", "--json")).stdout);
    assert.deepEqual(json.screen, {
      cols: 100,
      rows: 30,
      cursor_row: 3,
      cursor_column: 1,
      full_screen: false,
    });
    const missed = await run("read", id, shell, "--wait-for", "absent", "--timeout-seconds", "0.2");
    assert.equal(missed.code, 124);
    await run("resize", id, shell, "--cols", "90", "--rows", "20");
    assert.match((await run("list", id)).stdout, new RegExp(`${shell} +running .* 90x20`));
    await run("write", id, shell, "--key", "ctrl-d");
    await run("read", id, shell, "--wait-for", "never");
    assert.match((await run("list", id)).stdout, /ended with 0/);
    assert.equal((await run("close", id, shell)).stdout, `Closed shell ${shell}.\n`);
  });

  it("tells programs by a code what cannot be done", async () => {
    const codeOf = async (...args: readonly string[]) =>
      JSON.parse((await run(...args, "--json")).stdout).error.code;
    assert.equal(await codeOf("read", id, "sh-00000000"), "shell_not_found");
    const ended = await open("exit 3");
    await run("read", id, ended, "--wait-for", "never");
    assert.equal(await codeOf("write", id, ended, "--input", "x"), "shell_ended");
    assert.equal(await codeOf("signal", id, ended), "shell_ended");
    const deaf = await open("stty raw -echo; echo deaf; exec sleep 1000");
    await run("read", id, deaf, "--wait-for", "deaf");
    assert.equal(
      await codeOf("write", id, deaf, "--input", "x".repeat(100_000)),
      "shell_not_reading",
    );
    const { stderr } = await run("read", id, deaf, "--max-chars", "0");
    assert.match(stderr, /^error: --max-chars is 0, but must be a whole number from 1 to /);
    await run("close", id, ended);
    for (let count = 1; count < 64; count++)
      await ws.pyro.openShell(id, { command: ["sleep", "1000"] });
    assert.equal(await codeOf("open", id), "shell_limit");
    const { shells } = await ws.pyro.listShells(id);
    await Promise.all(shells.map(({ shellId }) => ws.pyro.closeShell(id, shellId)));
  });

  it("is waited for until Ctrl-C, which says 130 and loses nothing", async () => {
    const shell = await open("echo first; read line; echo got $line; read line");
    const supervisor = await ws.supervisor(id);
    const before = socketsOf(supervisor);
    const waiting = ["read", id, shell, "--wait-for", "never shown", "--timeout-seconds", "600"];
    const reader = ws.home.start(["workspace", "shell", ...waiting]);
    await until("it is connected", () => socketsOf(supervisor) > before);
    reader.signal("SIGINT");
    const { code, stdout } = await reader.ended;
    assert.deepEqual([code, stdout], [130, ""]);
    await run("write", id, shell, "--input", "later");
    const read = await run("read", id, shell, "--plain", "--wait-for", "got later");
    assert.match(read.stdout, /^first\n[\s\S]*got later\n/);
    await run("close", id, shell);
  });

  it("is attached to by several, typed into by one, and left without ending it", async () => {
    const shell = await open(
      "printf '\\033]0;title\\007\\033[6n\\033]52;c;aGk=\\007safe\\n'; while read line; do echo \"<$line> $(stty size)\"; done",
    );
    const first = new Attached(ws, id, shell);
    const second = new Attached(ws, id, shell, "--watch");
    await second.shows("safe");
    first.type("hello\r");
    await first.shows("<hello> 24 80");
    await second.shows("<hello> 24 80");
    second.type("not typed\r");
    first.type("again\r");
    await second.shows("<again>");
    assert.doesNotMatch(second.shown, /<not typed>/);
    assert.equal((await ws.pyro.listShells(id)).shells[0]?.attachedCount, 2);
    assert.doesNotMatch(first.shown + second.shown, /\u001b\]|\u001b\[6n/);
    first.type("\u0010\u0011");
    await first.shows("goes on");
    await first.isGivenBack(0);
    second.type("\u0010\u0011");
    await second.isGivenBack(0);
    assert.equal((await ws.pyro.listShells(id)).shells[0]?.state, "running");
    await run("close", id, shell);
  });

  it("ends with the shell's own code, and survives a supervisor that is killed", async () => {
    const shell = await open('while read line; do [ $line = end ] && exit 5; echo "<$line>"; done');
    const attached = new Attached(ws, id, shell);
    attached.type("one\r");
    await attached.shows("<one>");
    const [supervisor] = findSupervisors(id);
    assert.ok(supervisor);
    endProcess(supervisor);
    await until("it is attached again", async () =>
      (await ws.pyro.listShells(id)).shells.some(({ attachedCount }) => attachedCount === 1),
    );
    attached.type("two\r");
    await attached.shows("<two>");
    attached.type("end\r");
    await attached.isGivenBack(5);
    await run("close", id, shell);
  });

  it("gives the terminal back when the whole machine is killed", async () => {
    const { workspaceId } = await ws.create();
    const attached = new Attached(ws, workspaceId);
    await attached.shows("# ");
    // What is typed is shown as well.
    attached.type("printf '\\033[?1049h\\033[?25lf%s' ull; sleep 1000\r");
    await attached.shows("full");
    const [monitor] = findMonitors(join(ws.home.stateDirectory, "workspaces", workspaceId));
    assert.ok(monitor);
    endProcess(monitor);
    await attached.isGivenBack(1);
    assert.ok(attached.shown.includes("\u001b[?1049l") && attached.shown.includes("\u001b[?25h"));
    await ws.pyro.deleteWorkspace(workspaceId);
  });

  it("has the size of the terminal it is attached to, as that changes, but not of one that looks on", async () => {
    const shell = await open('while read line; do echo "<$line> $(stty size)"; done');
    const hasSize = (rows: number, cols: number) =>
      until(`the shell has ${rows} rows and ${cols} columns`, async () => {
        const { shells } = await ws.pyro.listShells(id);
        return shells.some((one) => one.cols === cols && one.rows === rows);
      });
    const attached = new Attached(ws, id, shell);
    await hasSize(24, 80);
    attached.type("one\r");
    await attached.shows("<one> 24 80");
    const watching = new Attached(ws, id, shell, "--watch");
    await watching.shows("<one> 24 80");
    await attached.resize(30, 100);
    await hasSize(30, 100);
    await watching.resize(10, 40);
    // Its keys come after its size, and go nowhere either.
    watching.type("nothing\r");
    attached.type("two\r");
    await watching.shows("<two> 30 100");
    watching.type("\u0010\u0011");
    await watching.isGivenBack(0);
    attached.type("three\r");
    await attached.shows("<three> 30 100");
    attached.type("\u0010\u0011");
    await attached.isGivenBack(0);
    assert.doesNotMatch(attached.shown, /<nothing>/);
    await run("close", id, shell);
  });

  it("gives the terminal back when attach is told to end, and goes on", async () => {
    const shell = await open("printf '\\033[?1049h\\033[?1000hfull'; exec cat");
    for (const [signal, code] of [
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const) {
      const attached = new Attached(ws, id, shell);
      await attached.shows("full");
      await attached.signal(signal);
      await attached.isGivenBack(code);
      assert.ok(attached.shown.includes("\u001b[?1049l"));
    }
    const closed = new Attached(ws, id, shell);
    await closed.shows("full");
    await closed.hangUp();
    await until("nobody is attached", async () =>
      (await ws.pyro.listShells(id)).shells.every(
        ({ shellId, attachedCount }) => shellId !== shell || attachedCount === 0,
      ),
    );
    await run("close", id, shell);
  });

  it("gives the terminal back when the workspace is stopped, and says so", async () => {
    const { workspaceId } = await ws.create();
    const attached = new Attached(ws, workspaceId);
    await attached.shows("# ");
    await ws.pyro.stopWorkspace(workspaceId);
    await attached.isGivenBack(1);
    assert.match(attached.shown, new RegExp(`error: Workspace ${workspaceId} is `));
    await ws.pyro.deleteWorkspace(workspaceId);
  });

  it("needs a terminal to attach, and says what programs do", async () => {
    const { code, stderr } = await run("attach", id, "sh-00000000");
    assert.equal(code, 2);
    assert.match(stderr, /takes a terminal[\s\S]*shell write/);
  });
});
