import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { quoteForeign } from "../../../../src/environments/oci/quote.ts";

describe("quoteForeign", () => {
  const cases: Readonly<Record<string, string>> = {
    plain: '"plain"',
    "zwölf 猫": '"zwölf 猫"',
    "\u001b]52;c;aGk=\u0007": '"\\x1b]52;c;aGk=\\x07"',
    "a\r\nb\tc\u0000": '"a\\x0d\\x0ab\\x09c\\x00"',
    "\u009b31m": '"\\x9b31m"',
    "\u007f": '"\\x7f"',
    "user\u202etxt": '"user\\u{202e}txt"',
    "\u2066\u2069\u200b\ufeff": '"\\u{2066}\\u{2069}\\u{200b}\\u{feff}"',
    "\ud800": '"\\u{d800}"',
    "\u{e0041}": '"\\u{e0041}"',
  };
  for (const [text, expected] of Object.entries(cases))
    it(`shows ${expected}`, () => assert.equal(quoteForeign(text), expected));

  it("cuts long text", () => {
    assert.equal(quoteForeign("x".repeat(301)), `"${"x".repeat(300)}…"`);
    assert.equal(quoteForeign("x".repeat(300)), `"${"x".repeat(300)}"`);
    assert.equal(quoteForeign("abcdef", 3), '"abc…"');
  });
});
