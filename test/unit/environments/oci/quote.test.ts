import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { quoteForeign } from "../../../../src/environments/oci/quote.ts";

describe("quoteForeign", () => {
  for (const text of ["plain", "zwölf 猫", "with spaces"])
    it(`leaves ${text} as it is`, () => assert.equal(quoteForeign(text), `"${text}"`));

  for (const text of ["\u001b]52;c;aGk=\u0007", "a\r\nb\tc\u0000", "\u009b31m", "user\u202etxt"])
    it(`makes ${JSON.stringify(text)} visible`, () =>
      assert.match(quoteForeign(text), /^"[\x20-\x7e]*\\[\x20-\x7e]*"$/));

  it("cuts long text", () => {
    assert.equal(quoteForeign("x".repeat(301)), `"${"x".repeat(300)}…"`);
    assert.equal(quoteForeign("x".repeat(300)), `"${"x".repeat(300)}"`);
    assert.equal(quoteForeign("abcdef", 3), '"abc…"');
  });
});
