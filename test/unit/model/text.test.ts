import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../../src/model/nearest.ts";
import { visibleJson, visibleText } from "../../../src/model/text.ts";

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

test("characters that nobody sees, and halves of pairs, become visible", () => {
  const shown: Record<string, string> = {
    "\u00ad": "\\xad",
    "\u061c": "\\u061c",
    "\u2060": "\\u2060",
    "\u2064": "\\u2064",
    "\u{e0000}": "\\u{e0000}",
    "\u{e0041}": "\\u{e0041}",
    "\u{e007f}": "\\u{e007f}",
    "\ud83d": "\\ud83d",
    "\ude00": "\\ude00",
  };
  for (const [text, escaped] of Object.entries(shown))
    assert.equal(visibleText(`a${text}b`), `a${escaped}b`);
  assert.equal(visibleText("\u{1f600} é 漢"), "\u{1f600} é 漢");
});

const unseen =
  "ad 34f 61c 115f 1160 17b4 17b5 180b 180c 180d 180e 180f 200b 200d 2028 202e 2060 2065 2066 206f 2800 3164 fe00 fe0f feff ffa0 fff0 fff9 1bca0 1d173 1d17a e0000 e0001 e0020 e0080 e0100 e01ef e0fff";

test("no character that a font leaves out, or shows as nothing, passes in text or in JSON", () => {
  for (const hex of unseen.split(" ")) {
    const character = String.fromCodePoint(Number.parseInt(hex, 16));
    assert.match(visibleText(`a${character}b`), /^a\\[xu][{0-9a-f}]+b$/, hex);
    const json = visibleJson({ [character]: [character] });
    assert.match(json, /^[ -~]+$/, hex);
    assert.deepEqual(JSON.parse(json), { [character]: [character] }, hex);
  }
});

test("JSON keeps what can be seen as it is", () => {
  assert.equal(visibleJson({ é: "漢 \u{1f600}\n" }), '{"é":"漢 \u{1f600}\\n"}');
  assert.equal(visibleJson("\ud83d"), '"\\ud83d"');
});

test("a cut never leaves half of a pair", () => {
  for (let lengthMax = 0; lengthMax < 12; lengthMax++) {
    const shown = visibleText("a\u{1f600}\u{1f600}b\u001b\u{1f600}c", lengthMax);
    assert.ok(shown.isWellFormed(), `${lengthMax}: ${shown}`);
    assert.ok(shown.length <= lengthMax + 1, `${lengthMax}: ${shown}`);
  }
});

test("text of several lines keeps line feeds and tabs, and nothing else", () => {
  assert.equal(visibleText("a\n\tb\r\n\u001b[1mc", 200, "lines"), "a\n\tb\\x0d\n\\x1b[1mc");
  assert.equal(visibleText("a\u2028b\u0085c", 200, "lines"), "a\\u2028b\\x85c");
});

test("the nearest name is offered for a slip of the fingers, and nothing for something else", () => {
  assert.equal(nearest("debain:12", ["debian:12", "debian:13"]), "debian:12");
  assert.equal(nearest("qqqqqqqqqqqqqqqqq", ["debian:12"]), undefined);
  assert.equal(nearest("x", []), undefined);
});
