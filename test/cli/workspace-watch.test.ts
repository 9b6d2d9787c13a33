import assert from "node:assert/strict";
import { test } from "node:test";
import { watchInTerminal, watchOnPipe } from "../../src/cli/watch.ts";
import { fakePyro } from "./support/fake-pyro.ts";
import { listed } from "./support/results.ts";
import { openTerminal, pyroCommand } from "./support/terminal.ts";

const home = "\u001b[H";
const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";
const intervalMs = 1;

/** Presses Ctrl-C in this process: only the newest listener is the watch's. */
function pressControlC(): void {
  process.listeners("SIGINT").at(-1)?.("SIGINT");
}

/** Answers one after the other; Ctrl-C with the last. */
function inTurn<Answer>(...answers: readonly Answer[]): () => Promise<Answer> {
  let at = 0;
  return async () => {
    const answer = answers[Math.min(at++, answers.length - 1)];
    if (at === answers.length) pressControlC();
    return answer as Answer;
  };
}

test("a pipe gets a new table only when something changed", async () => {
  const shown: string[] = [];
  const print = async (one: string) => void shown.push(one);
  const code = await watchOnPipe(inTurn("a", "a", "b", "b", "a"), print, intervalMs);
  assert.deepEqual([code, shown], [130, ["a", "b", "a"]]);
});

test("a terminal is drawn anew each time, within its height, and is then as it was", async () => {
  const { io, read } = openTerminal({ isTerminal: true, height: 5 });
  const many = ["title", ..."abcdefgh"];
  const code = await watchInTerminal(io, inTurn(["title", "a"], many, ["none"]), intervalMs);
  const { stdout } = read();
  assert.equal(code, 130);
  const screens = [
    "title\u001b[K\r\na\u001b[K\u001b[J",
    "title\u001b[K\r\na\u001b[K\r\nb\u001b[K\r\nand 6 more\u001b[K\u001b[J",
    "none\u001b[K\u001b[J",
  ];
  assert.equal(stdout, enter + screens.map((screen) => home + screen).join("") + leave);
});

test("list --watch: tables in a pipe, lines of JSON, a screen on a terminal", async () => {
  const pyro = () => {
    const workspaces = [listed()];
    return fakePyro({ listWorkspaces: inTurn({ workspaces }) }).pyro;
  };
  const watch = ["ws", "list", "--watch"];
  const pipe = await pyroCommand(watch, { pyro: pyro() });
  assert.match(pipe.stdout, /^WORKSPACE .*\ndemo +started .*\n$/);
  assert.equal(pipe.code, 130);
  const json = await pyroCommand([...watch, "--json"], { pyro: pyro() });
  assert.equal(JSON.parse(json.stdout).workspaces[0].name, "demo");
  const screen = await pyroCommand(watch, { pyro: pyro(), isTerminal: true });
  assert.ok(screen.stdout.startsWith(`${enter}${home}WORKSPACE`), JSON.stringify(screen.stdout));
  assert.ok(screen.stdout.endsWith(leave));
});

test("a failure leaves the terminal as it was, and is said on it", async () => {
  const { pyro } = fakePyro({
    listWorkspaces: () => {
      throw new TypeError("broken");
    },
  });
  const options = { pyro, isTerminal: true };
  const { code, stdout, stderr } = await pyroCommand(["ws", "list", "--watch"], options);
  assert.deepEqual([code, stdout], [1, enter + leave]);
  assert.match(stderr, /^error: broken\n/);
});
