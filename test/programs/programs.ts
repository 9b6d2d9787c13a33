import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ReadShellOptions, ShellRead } from "../../src/index.ts";
import { environmentWith } from "../support/programs-environment.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";
import { questionsIn, typedAnswers } from "./questions.ts";

// `make test-programs`, with a cache of its own. What people run in terminals, from the Debian archive, in a guest without a network.

const packages = ["vim", "neovim", "fish", "ipython3", "htop", "less", "fzf", "micro", "duf"];
const typedPath = "/tmp/typed";
const patience = { timeoutSeconds: 40 };

let ws: TestWorkspaces;
let id: string;
before(async () => {
  ws = await TestWorkspaces.open();
  const environment = await environmentWith(ws.home, packages);
  ({ workspaceId: id } = await ws.create({ name: "programs", environment }));
});
after(async () => {
  await ws.assertNothingLeft();
  await ws[Symbol.asyncDispose]();
});

/** One program, on a terminal between whose two ends `script` writes down what is typed, answers among it. */
class Program {
  readonly #shellId: string;

  private constructor(shellId: string) {
    this.#shellId = shellId;
  }

  static async open(line: string): Promise<Program> {
    const command = ["script", "-qfe", "--log-in", typedPath, "-c", line];
    const { shellId } = await ws.pyro.openShell(id, { command, cols: 80, rows: 24 });
    return new Program(shellId);
  }

  async read(options: ReadShellOptions): Promise<ShellRead> {
    const read = await ws.pyro.readShell(id, this.#shellId, { ...patience, ...options });
    assert.ok(options.waitFor === undefined || read.matched, `${options.waitFor}: ${read.output}`);
    return read;
  }

  /** What a person has read once this text has come. */
  async says(waitFor: string): Promise<string> {
    return (await this.read({ plain: true, waitFor })).output;
  }

  /** The rows of the screen once this text is among them. */
  async shows(waitFor: string): Promise<readonly string[]> {
    return (await this.read({ screen: true, waitFor })).output.split("\n");
  }

  async enter(input: string): Promise<void> {
    await ws.pyro.writeShell(id, this.#shellId, { input });
  }

  async type(input: string, ...keys: string[]): Promise<void> {
    await ws.pyro.writeShell(id, this.#shellId, { input, keys, appendNewline: false });
  }

  /** That all its questions were answered, each once; answers how many of them there were. */
  async hasAnswers(): Promise<number> {
    let asked = "";
    await until("all is answered", async () => {
      asked = questionsIn((await this.read({ maxChars: 262_144 })).output);
      return typedAnswers(await ws.sh(id, `cat -v ${typedPath}`)) === asked;
    });
    return asked.length;
  }

  /** That it ended well and gave the terminal back. */
  async hasEnded(): Promise<string> {
    const { state, exitCode, output } = await ws.pyro.readShell(id, this.#shellId, {
      ...patience,
      plain: true,
      waitFor: "never shown",
    });
    assert.deepEqual([state, exitCode], ["ended", 0], output);
    const { screen } = await this.read({ screen: true });
    assert.equal(screen?.fullScreen, false);
    await ws.pyro.closeShell(id, this.#shellId);
    return output;
  }
}

test("fish prompts, completes a command line and runs it", async () => {
  const fish = await Program.open("fish");
  await fish.says("/workspace# ");
  await fish.enter("echo a(math 1 + 1)b");
  const said = await fish.says("\na2b\n");
  assert.doesNotMatch(said, /could not read response/);
  await fish.type("ech", "tab");
  await fish.shows("# echo");
  await fish.type("x(count 1 2)", "enter");
  await fish.says("\nx2\n");
  await fish.hasAnswers();
  await fish.enter("exit");
  await fish.hasEnded();
});

test("IPython knows where its cursor is, and does not complain", async () => {
  const ipython = await Program.open("ipython3 --no-banner");
  await ipython.says("In [1]: ");
  await ipython.enter("6 * 7");
  await ipython.says("Out[1]: 42");
  await ipython.enter("get_ipython().pt_app.app.renderer.cpr_support.value");
  await ipython.says("Out[2]: 'SUPPORTED'");
  assert.ok((await ipython.hasAnswers()) >= 2);
  await ipython.enter("exit");
  assert.doesNotMatch(await ipython.hasEnded(), /WARNING/);
});

test("duf, in Go, learns the background's colour before it draws", async () => {
  const duf = await Program.open("duf");
  const said = await duf.says("MOUNTED ON");
  assert.match(said, /^╭─+╮\n│ \d local device/);
  assert.equal(await duf.hasAnswers(), 2);
  assert.match(await duf.hasEnded(), /│ \/workspace │/);
});

test("fzf draws below the cursor, which it asks for, and answers what was chosen", async () => {
  const fzf = await Program.open("echo above; seq 100 | fzf --height 10");
  const rows = await fzf.shows("100/100");
  assert.deepEqual([rows[0], rows.at(-1)], ["above", ">"]);
  await fzf.type("42");
  assert.ok((await fzf.shows("1/100")).includes("> 42"));
  assert.ok((await fzf.hasAnswers()) >= 1);
  await fzf.type("", "enter");
  assert.equal(await fzf.hasEnded(), "above\n42\n");
});

test("neovim draws without a complaint, edits and saves", async () => {
  const nvim = await Program.open("nvim from-nvim.txt");
  await nvim.shows("from-nvim.txt");
  await nvim.type("ihello from neovim", "esc");
  await nvim.enter(":set number");
  const rows = await nvim.shows("  1 hello from neovim");
  assert.doesNotMatch(rows.join("\n"), /E\d{3,4}:/);
  assert.ok((await nvim.hasAnswers()) >= 3);
  await nvim.enter(":wq");
  await nvim.hasEnded();
  assert.equal(await ws.sh(id, "cat from-nvim.txt"), "hello from neovim\n");
});

test("vim knows its terminal, edits with arrow keys, and saves", async () => {
  const vim = await Program.open("vim from-vim.txt");
  await vim.shows('"from-vim.txt" [New]');
  await vim.type("ionethree", "left", "left", "left", "left", "left");
  await vim.type("two", "esc");
  assert.equal((await vim.shows("onetwothree"))[0], "onetwothree");
  await vim.enter(":echo v:termresponse v:termrbgresp");
  await vim.shows("^[[>0;276;0c ^[]11;rgb:0000/0000/0000^G");
  assert.ok((await vim.hasAnswers()) >= 5);
  await vim.enter(":wq");
  await vim.hasEnded();
  assert.equal(await ws.sh(id, "cat from-vim.txt"), "onetwothree\n");
});

test("micro edits, and saves by its keys", async () => {
  const micro = await Program.open("micro from-micro.txt");
  await micro.shows("from-micro.txt");
  await micro.type("hello from micro");
  await micro.shows("hello from micro");
  await micro.type("", "ctrl-s");
  await micro.shows("Saved");
  await micro.hasAnswers();
  await micro.type("", "ctrl-q");
  await micro.hasEnded();
  assert.match(await ws.sh(id, "cat from-micro.txt"), /^hello from micro\n?$/);
});

test("less searches and scrolls, and leaves the screen as it was", async () => {
  const less = await Program.open("seq 1000 | less");
  assert.deepEqual(
    await less.shows("\n:"),
    [...Array(23).keys()].map((row) => `${row + 1}`).concat(":"),
  );
  await less.enter("/^500$");
  assert.equal((await less.shows("500\n501\n"))[0], "500");
  await less.type("G");
  const rows = await less.shows("(END)");
  assert.deepEqual([rows[0], rows[22]], ["978", "1000"]);
  assert.equal(await less.hasAnswers(), 0);
  await less.type("q");
  assert.equal(await less.hasEnded(), "");
});

test("htop shows what runs, takes function keys, and is never silent", async () => {
  const htop = await Program.open("htop");
  const rows = await htop.shows("F10Quit");
  assert.match(rows.join("\n"), /Tasks: \d+[\s\S]*PID USER[\s\S]*\d+ root .* htop\n/);
  await htop.type("", "f1");
  await htop.shows("Released under");
  await htop.type(" ");
  await htop.shows("F10Quit");
  assert.equal(await htop.hasAnswers(), 0);
  await htop.type("", "f10");
  await htop.hasEnded();
});
