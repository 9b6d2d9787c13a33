import assert from "node:assert/strict";
import { test } from "node:test";
import { PyroError } from "../../../../src/index.ts";
import { dependsOnMode, keyBytes } from "../../../../src/workspace/shells/keys.ts";

const press = (key: string, applicationCursor = false) => keyBytes(key, { applicationCursor });

test("keys send what a terminal sends for them", () => {
  const expected: Readonly<Record<string, string>> = {
    enter: "\r",
    Tab: "\t",
    "shift-tab": "\u001b[Z",
    esc: "\u001b",
    backspace: "\u007f",
    space: " ",
    "ctrl-space": "\0",
    "ctrl-c": "\u0003",
    "Ctrl-C": "\u0003",
    "ctrl-[": "\u001b",
    "ctrl-\\": "\u001c",
    "ctrl-?": "\u007f",
    "alt-x": "\u001bx",
    "alt-X": "\u001bX",
    "alt-ctrl-x": "\u001b\u0018",
    "alt-enter": "\u001b\r",
    "alt--": "\u001b-",
    "-": "-",
    q: "q",
    ä: "ä",
    up: "\u001b[A",
    left: "\u001b[D",
    home: "\u001b[H",
    "ctrl-right": "\u001b[1;5C",
    "shift-alt-up": "\u001b[1;4A",
    delete: "\u001b[3~",
    "ctrl-delete": "\u001b[3;5~",
    pageup: "\u001b[5~",
    f1: "\u001bOP",
    "shift-f1": "\u001b[1;2P",
    f5: "\u001b[15~",
    f12: "\u001b[24~",
  };
  for (const [key, bytes] of Object.entries(expected)) assert.equal(press(key), bytes, key);
});

test("arrow keys follow the mode that the program asked for", () => {
  assert.deepEqual([press("up", true), press("end", true)], ["\u001bOA", "\u001bOF"]);
  assert.equal(press("ctrl-up", true), "\u001b[1;5A");
  assert.deepEqual([dependsOnMode("Up"), dependsOnMode("f1")], [true, false]);
});

test("a key that no terminal has is refused, with the one that may be meant", () => {
  for (const key of [
    "",
    "entr",
    "hyper-x",
    "ctrl-",
    "ctrl-ä",
    "ctrl-enter",
    "shift-x",
    "constructor",
    "ab",
  ])
    assert.throws(
      () => press(key),
      (error) => error instanceof PyroError && error.code === "invalid_argument",
      key,
    );
  assert.throws(
    () => press("entr"),
    (error) => error instanceof PyroError && error.hint?.includes('"enter"'),
  );
});
