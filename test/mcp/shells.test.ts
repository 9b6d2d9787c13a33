import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { baseEnvironment } from "../support/home.ts";
import { GuestPlace } from "./support/guest-place.ts";
import type { McpConnection } from "./support/mcp-connection.ts";

let place: GuestPlace;
let connection: McpConnection;
let at: { readonly workspace_id: string };

before(async () => {
  place = await GuestPlace.open();
  writeFileSync(join(place.project, "token"), "kept-in-the-guest");
  connection = await place.connect();
  const made = await connection.record("workspace_create", {
    environment: baseEnvironment,
    secrets: { TOKEN: "token" },
  });
  at = { workspace_id: String(made.workspace_id) };
});

after(async () => {
  await connection[Symbol.asyncDispose]();
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

const installer = [
  "printf 'Install? [y/N] '; read answer; echo \"You said $answer.\"",
  "stty -icanon -echo; printf 'Press a key: '; key=$(head -c 3 | od -An -tx1); stty sane",
  'echo; echo "Key$key."; exit 4',
].join("\n");

test("a program that asks questions is answered, line by line and key by key", async () => {
  const opened = await connection.record("shell_open", { ...at, command: installer });
  const shell = { ...at, shell_id: String(opened.shell_id) };
  const asked = await connection.bulk("shell_read", { ...shell, wait_for: "[y/N] " });
  assert.match(asked.text, /^running · 1 line · next cursor \d+\n[\s\S]*Install\? \[y\/N\] \n/);
  await connection.record("shell_write", { ...shell, input: "y" });
  const { text } = await connection.bulk("shell_read", { ...shell, wait_for: "Press a key: " });
  assert.match(text, /You said y\.\nPress a key: \n[\s\S]*\nNext: shell_read .*"cursor":\d+/);
  await connection.record("shell_write", { ...shell, keys: ["up"] });
  const ended = await connection.bulk("shell_read", { ...shell, wait_for: "never shown" });
  assert.match(
    ended.text,
    /^ended with exit code 4 · .*the text was not shown[\s\S]*Key 1b 5b 41\./,
  );
  const closed = await connection.record("shell_close", shell);
  assert.equal(closed.exit_code, 4);
});

test("a full-screen program is seen as it stands, interrupted and closed", async () => {
  const command = "printf '\\033[?1049h\\033[2J\\033[3;5Hmenu'; exec sleep 1000";
  const opened = await connection.record("shell_open", { ...at, command, cols: 40, rows: 8 });
  const shell = { ...at, shell_id: String(opened.shell_id) };
  const { text } = await connection.bulk("shell_read", {
    ...shell,
    mode: "screen",
    wait_for: "menu",
  });
  assert.match(text, /full-screen program · cursor at row 3, column 9[\s\S]*\n\n {4}menu\n/);
  const signalled = await connection.record("shell_signal", shell);
  assert.equal(signalled.signal, "INT");
  const ended = await connection.bulk("shell_read", { ...shell, wait_for: "never shown" });
  assert.match(ended.text, /^ended with exit code 130/);
  await connection.record("shell_close", shell);
});

test("a shell is given secrets by name, and what it shows of them is taken out", async () => {
  const opened = await connection.record("shell_open", {
    ...at,
    command: "echo has $T of $(printf %s $T | wc -c); read line",
    secret_env: { TOKEN: "T" },
  });
  const shell = { ...at, shell_id: String(opened.shell_id) };
  const { text } = await connection.bulk("shell_read", { ...shell, wait_for: "of 17" });
  assert.match(text, /has \[REDACTED:TOKEN\] of 17/);
  await connection.record("shell_close", shell);
});

test("a wait that is taken back ends at once and loses nothing of the shell", async () => {
  const command = 'echo first; read line; echo "got $line"; read line';
  const opened = await connection.record("shell_open", { ...at, command });
  const shell = { ...at, shell_id: String(opened.shell_id) };
  const stop = new AbortController();
  const waiting = { ...shell, wait_for: "never shown", wait_seconds: 50 };
  const called = connection.call("shell_read", waiting, { signal: stop.signal });
  called.catch(() => undefined);
  const early = called.then((answer) => assert.fail(`it answered: ${JSON.stringify(answer)}`));
  await Promise.race([early, sleep(500)]);
  stop.abort();
  await assert.rejects(called);
  await connection.record("shell_write", { ...shell, input: "later" });
  const { text } = await connection.bulk("shell_read", { ...shell, wait_for: "got later" });
  assert.match(text, /^running[\s\S]*first\n[\s\S]*got later\n/);
  await connection.record("shell_close", shell);
});
