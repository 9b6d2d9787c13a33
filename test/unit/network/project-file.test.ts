import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { asPyroError } from "../../../src/model/errors.ts";
import { limits } from "../../../src/model/limits.ts";
import { parseProjectFile } from "../../../src/network/project-file.ts";

const parse = (text: string) => parseProjectFile(Buffer.from(text));

/** What somebody is told whose file is refused. */
function refusal(content: string | Uint8Array): string {
  try {
    parseProjectFile(typeof content === "string" ? Buffer.from(content) : content);
  } catch (error) {
    const { code, message, hint = "" } = asPyroError(error);
    assert.equal(code, "project_file_refused");
    assert.match(message, /^The seeded tree's \.pyro\.toml cannot be followed: [^\n]{5,600}\.$/);
    assert.match(
      hint,
      /It may only tighten, so it is never passed over: mend it, or seed without it\.$/,
    );
    return `${message.slice(message.indexOf(": ") + 2)} ${hint}`;
  }
  return assert.fail(`accepted: ${String(content).slice(0, 200)}`);
}

describe("a project's file", () => {
  it("is a table of two lists, in one spelling and without repetitions", () => {
    const text = `
      # What this project needs.
      [network]
      only = ["registries", "API.example.com:443", 'api.example.com.:443', "*.example.org"]
      deny = ["tracker.example.org", "[2001:DB8::1]:25", "public:25"]
    `;
    assert.deepEqual(parse(text), {
      only: ["registries", "api.example.com:443", "*.example.org"],
      deny: ["tracker.example.org", "[2001:db8::1]:25", "public:25"],
    });
    assert.deepEqual(parse("network.only = []"), { only: [], deny: [] });
    assert.deepEqual(parse('network = { deny = ["a.example"] }'), {
      only: null,
      deny: ["a.example"],
    });
    assert.deepEqual(parse('\ufeff[network]\r\ndeny = ["bücher.example"]\r\n')?.deny, [
      "xn--bcher-kva.example",
    ]);
  });

  it("that says nothing tightens nothing", () => {
    for (const text of ["", "# nothing\n", "[network]", "[network]\ndeny = []\n"])
      assert.equal(parse(text), null, text);
  });

  const refused: readonly (readonly [text: string, told: RegExp])[] = [
    ["[network", /^line 1, column \d+: /],
    ["network = ", /^line 1, column \d+: /],
    ["[network]\nonly = [\n'a.example',\n", /^line \d, column \d+: /],
    ["[network]\nonly = []\nonly = []", /^line 3, column 1: trying to redefine/],
    ["[network]\n[network]", /^line 2, column \d: trying to redefine/],
    ["only = []", /^it has a key "only", and knows no other than "network"/],
    [
      "[netwrok]",
      /^it has a key "netwrok", and knows no other than "network"\. Did you mean network\?/,
    ],
    ["[network]\n[other]", /^it has a key "other"/],
    [
      "[network]\nallow = ['a.example']",
      /^network has a key "allow", and knows no other than "only" and "deny"/,
    ],
    ["[network]\nonyl = []", /^network has a key "onyl".* Did you mean only\?/],
    ["[network]\n'' = 1", /^network has a key ""/],
    ["[network]\n'\\u001b[31m' = 1", /^network has a key "\\\\u001b\[31m"/],
    ['[network]\n"\\u001b[31m\\u202e" = 1', /^network has a key "\\u001b\[31m\\u202e"/],
    ["__proto__ = 1", /^it has a key "__proto__"/],
    ["constructor.prototype.deny = 1", /^it has a key "constructor"/],
    ["network.__proto__.deny = ['a.example']", /^network has a key "__proto__"/],
    ["network = 3", /^network is 3, not a table \[network\]/],
    ["network = 'off'", /^network is "off", not a table/],
    ["[[network]]", /^network is a list, not a table/],
    ["network = 2026-01-01", /^network is 2026-01-01\S*, not a table/],
    [
      "[network]\nonly = 'registries'",
      /^network\.only is "registries", not a list\. Write it so: only = \["registries", "example\.com:443"\]\./,
    ],
    ["[network]\ndeny = true", /^network\.deny is true, not a list\. Write it so: deny = \[/],
    ["[network]\ndeny = 1e400", /^network\.deny is \S+, not a list/],
    ["[network.only]", /^network\.only is a table, not a list/],
    ["[network]\ndeny = ['a.example', 3]", /^entry 2 of network\.deny is 3, not a text/],
    ["[network]\ndeny = [['a.example']]", /^entry 1 of network\.deny is a list, not a text/],
    ["[network]\nonly = [{ host = 'a' }]", /^entry 1 of network\.only is a table, not a text/],
    [
      "[network]\nonly = ['allow a.example']",
      /^entry 1 of network\.only is "allow a\.example", but says what it does by/,
    ],
    ["[network]\ndeny = ['deny a.example']", /^entry 1 of network\.deny is "deny a\.example", but/],
    [
      "[network]\ndeny = ['']",
      /^entry 1 of network\.deny: The network rule "" is no host, address or group\. A rule is a host/,
    ],
    [
      "[network]\ndeny = ['https://a.example/']",
      /^entry 1 of network\.deny: The network rule "https:.* is a URL: name its host/,
    ],
    ["[network]\ndeny = ['me@a.example']", /names a user: rules are about hosts/],
    ["[network]\ndeny = ['a.example:0']", /has "0" for a port/],
    ["[network]\ndeny = ['*']", /means everything/],
    ["[network]\nonly = ['0.0.0.0/0']", /is too wide to be meant/],
    [
      "[network]\ndeny = ['registires']",
      /^entry 1 of network\.deny: The network rule "registires" is one word, and no group\. Did you mean registries\?/,
    ],
    ["[network]\nonly = ['localhost:80']", /names the guest itself/],
    ["[network]\nonly = ['a.example\\n']", /is no host, address or group/],
    [
      '[network]\nonly = ["a.example\\n\\u001b[2J"]',
      /^entry 1 of network\.only: The network rule "a\.example\\n\\u001b\[2J" is no host/,
    ],
    [
      `[network]\ndeny = ['${"a".repeat(401)}']`,
      /^entry 1 of network\.deny has 401 characters, and 400 are the limit/,
    ],
    [
      `[network]\ndeny = [${"'a',".repeat(limits.networkRulesMax + 1)}]`,
      /^network\.deny has 10001 entries, and 10000 are the limit/,
    ],
    [`x = ${"[".repeat(10_000)}`, /^line 1, column \d+: /],
    [`x = ${"{a=".repeat(10_000)}`, /^line 1, column \d+: /],
    [`${"a.".repeat(30_000)}a = 1`, /^it has a key "a"/],
    [`[${"a.".repeat(30_000)}a]\n`, /^it has a key "a"/],
    [`${"[[a]]\n".repeat(10_000)}`, /^it has a key "a"/],
    [`"${"k".repeat(60_000)}" = 1`, /^it has a key "k+…, and knows no other than "network"/],
    [`x = ${"9".repeat(60_000)}`, /^(line 1, column \d+|it is no TOML): /],
    [`x = ${"1_".repeat(30_000)}`, /^line 1, column \d+: /],
    [`x = """${'\\"'.repeat(30_000)}`, /^line 1, column \d+: /],
    [`x = "${"\\u0000".repeat(10_000)}"`, /^it has a key "x"/],
    [`# ${"x".repeat(limits.projectFileBytesMax)}`, /^it has 65538 bytes, and 65536 are the limit/],
  ];
  for (const [text, told] of refused)
    it(`is refused: ${JSON.stringify(text).slice(0, 80)}`, () => assert.match(refusal(text), told));

  it("is refused where it is no text", () => {
    assert.match(refusal(new Uint8Array([0x5b, 0xff, 0xfe])), /^it is not UTF-8\./);
    assert.match(refusal(new Uint8Array(16)), /^line 1, column 1: /);
    assert.match(refusal(Buffer.from("[network]\n", "utf16le")), /^line 1, column \d: /);
  });

  it("is refused or understood, whatever bytes are changed in it", () => {
    const whole = '[network]\nonly = ["registries", "a.example:443"]\ndeny = ["b.example"]\n';
    const bytes = Buffer.from(whole);
    let understood = 0;
    for (let at = 0; at < bytes.length; at++)
      for (const byte of [0, 0x0a, 0x22, 0x23, 0x27, 0x2e, 0x5b, 0x5d, 0x7f, 0x80, 0xc3, 0xff]) {
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        try {
          parseProjectFile(changed);
          understood++;
        } catch {
          refusal(changed);
        }
      }
    assert.ok(understood > 0);
  });
});
