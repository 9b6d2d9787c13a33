import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../../src/model/nearest.ts";
import { visibleText } from "../../../src/model/text.ts";

test("control sequences become visible and cannot drive a terminal", () => {
  assert.equal(visibleText("a\u001b[2Jb"), "a\\x1b[2Jb");
  assert.equal(visibleText("line\nline\ttab"), "line\\nline\\ttab");
  assert.equal(visibleText("c1 \u009b31m"), "c1 \\x9b31m");
  assert.equal(visibleText("bidi \u202eevil\u2066"), "bidi \\u202eevil\\u2066");
});

test("long foreign text is cut with a mark", () => {
  assert.equal(visibleText("x".repeat(300), 10), `${"x".repeat(10)}…`);
  assert.equal(visibleText("short", 10), "short");
});

test("every code point below 0xa0 that is not printable is escaped", () => {
  for (let code = 0; code < 0xa0; code++) {
    const shown = visibleText(String.fromCharCode(code));
    const printable = code >= 0x20 && code < 0x7f;
    assert.equal(shown.length === 1, printable, `code ${code.toString(16)}`);
  }
});

test("the nearest name is offered for a slip of the fingers, and nothing for something else", () => {
  assert.equal(nearest("debain:12", ["debian:12", "debian:13"]), "debian:12");
  assert.equal(nearest("qqqqqqqqqqqqqqqqq", ["debian:12"]), undefined);
  assert.equal(nearest("x", []), undefined);
});
