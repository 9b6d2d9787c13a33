import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJsonObject } from "../../../src/model/bounded-json.ts";
import { PyroError } from "../../../src/model/errors.ts";

const parse = (document: string | Buffer) =>
  parseJsonObject(Buffer.from(document), (how) => new PyroError("registry_lied", `It ${how}.`));
const nested = (depth: number) => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

const taken: Record<string, unknown> = {
  "32 levels": nested(32),
  "brackets in strings, which nest nothing": { command: ["[".repeat(99), "{[".repeat(1000)] },
  "colours of a terminal": { command: ["sh", "-c", "printf '\u001b[1mbold\u001b[0m'".repeat(20)] },
  "an escaped quotation mark before brackets": { a: `"${"[".repeat(99)}` },
  "a backslash at the end of a string": { a: "\\", b: [[["\\\\"]]], c: "[".repeat(99) },
  "a name of brackets": { ["[".repeat(99)]: 1 },
};

for (const [what, document] of Object.entries(taken))
  test(`a document with ${what} is read`, () => {
    const text = typeof document === "string" ? document : JSON.stringify(document);
    assert.deepEqual(parse(text), JSON.parse(text));
  });

const refused: Record<string, readonly [document: string | Buffer, how: RegExp]> = {
  "33 levels": [nested(33), /nests deeper than 32 levels/],
  "a million levels": [nested(1_000_000), /nests deeper/],
  "closing brackets in a string before many levels": [
    `{"a":"${"]".repeat(99)}","b":${"[".repeat(99)}${"]".repeat(99)}}`,
    /nests deeper/,
  ],
  "levels behind an escaped quotation mark": [
    `{"a":"\\"","b":${"[".repeat(99)}${"]".repeat(99)}}`,
    /nests deeper/,
  ],
  "levels behind an escaped backslash": [
    `{"a":"\\\\","b":${"[".repeat(99)}${"]".repeat(99)}}`,
    /nests deeper/,
  ],
  nothing: ["", /is not JSON; it starts with ""/],
  "terminal controls in place of JSON": ["\u001b[2J", /starts with "\\x1b\[2J"/],
  "bytes that are no text": [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /not JSON/],
  "a list": ["[]", /is not a JSON object/],
  null: ["null", /is not a JSON object/],
};

for (const [what, [document, how]] of Object.entries(refused))
  test(`a document of ${what} is refused`, () => {
    assert.throws(() => parse(document), { code: "registry_lied", message: how });
  });

test("a document cannot name the prototype", () => {
  const value = parse('{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1}}}');
  assert.deepEqual(Object.keys(value), ["a"]);
  assert.equal((value.a as { polluted?: number }).polluted, undefined);
});
