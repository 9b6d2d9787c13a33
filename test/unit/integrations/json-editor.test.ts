import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SyntaxTrouble } from "../../../src/integrations/edit/editor.ts";
import { jsonEditor } from "../../../src/integrations/edit/json-editor.ts";
import { Random } from "./random.ts";

const jsonc = jsonEditor("jsonc");
const json = jsonEditor("json");
const keyPath = ["mcp", "pyro"];
const entry = { type: "local", command: ["/opt/pyro", "mcp"] };

const spelled = (indent: string, eol = "\n") =>
  [
    `"pyro": {`,
    `  "type": "local",`,
    `  "command": [`,
    `    "/opt/pyro",`,
    `    "mcp"`,
    "  ]",
    "}",
  ].join(eol + indent);

/** What a file was, and what it is with our entry. */
const golden: Record<string, readonly [string, string]> = {
  "a neighbour": [
    `{\n  "mcp": {\n    "a": {}\n  }\n}\n`,
    `{\n  "mcp": {\n    "a": {},\n    ${spelled("    ")}\n  }\n}\n`,
  ],
  "comments after the neighbour": [
    `{ // one\n  "mcp": {\n    "a": {} // two\n    // three\n  }, // four\n}`,
    `{ // one\n  "mcp": {\n    "a": {}, // two\n    ${spelled("    ")}\n    // three\n  }, // four\n}`,
  ],
  "a trailing comma": [
    `{\n  "mcp": {\n    "a": {} , // two\n  },\n}\n`,
    `{\n  "mcp": {\n    "a": {} , // two\n    ${spelled("    ")},\n  },\n}\n`,
  ],
  CRLF: [
    `{\r\n  "mcp": {\r\n    "a": {}\r\n  }\r\n}`,
    `{\r\n  "mcp": {\r\n    "a": {},\r\n    ${spelled("    ", "\r\n")}\r\n  }\r\n}`,
  ],
  "one line": [
    `{"mcp":{"a":{"b":1}},"c":2}`,
    `{"mcp":{"a":{"b":1}, "pyro":{"type":"local","command":["/opt/pyro","mcp"]}},"c":2}`,
  ],
  "no parent": [
    `{\n  "theme": "dark"\n}\n`,
    `{\n  "theme": "dark",\n  "mcp": {\n    ${spelled("    ")}\n  }\n}\n`,
  ],
  "nothing at all": ["{}", `{\n  "mcp": {\n    ${spelled("    ")}\n  }\n}`],
  "a comma on a line of its own": [
    `{\n  "mcp": {\n    "a": 1\n    , "b": 2\n  }\n}`,
    `{\n  "mcp": {\n    "a": 1\n    , "b": 2, "pyro": {"type":"local","command":["/opt/pyro","mcp"]}\n  }\n}`,
  ],
};

describe("adding an entry changes nothing else, and removing it gives the same bytes", () => {
  for (const [name, [before, after]] of Object.entries(golden))
    test(name, () => {
      assert.equal(jsonc.write(before, keyPath, entry), after);
      assert.equal(jsonc.remove(after, keyPath), before);
      assert.deepEqual(plain(jsonc.parse(after)), {
        ...plain(jsonc.parse(before)),
        mcp: { ...plain(jsonc.parse(before)).mcp, pyro: entry },
      });
    });
});

test("tabs are kept as the unit of indentation", () => {
  const written = json.write(`{\n\t"a": {\n\t\t"b": 1\n\t}\n}`, keyPath, { type: "local" });
  assert.equal(
    written,
    `{\n\t"a": {\n\t\t"b": 1\n\t},\n\t"mcp": {\n\t\t"pyro": {\n\t\t\t"type": "local"\n\t\t}\n\t}\n}`,
  );
});

test("changing an entry touches only the fields that differ", () => {
  const before = `{"mcp": {"pyro": { // mine\n  "type": "local", // kept\n  "command": ["/old"],\n  "extra": 1\n}}}`;
  const after = jsonc.write(before, keyPath, { ...entry, extra: 1, timeout: 5 });
  assert.equal(
    after,
    `{"mcp": {"pyro": { // mine\n  "type": "local", // kept\n  "command": ["/opt/pyro","mcp"],\n  "extra": 1,\n  "timeout": 5\n}}}`,
  );
  assert.equal(
    jsonc.write(after, keyPath, { type: "local" }),
    `{"mcp": {"pyro": { // mine\n  "type": "local" // kept\n}}}`,
  );
});

test("writing the same entry again changes nothing", () => {
  for (const [before] of Object.values(golden)) {
    const once = jsonc.write(before, keyPath, entry);
    assert.equal(jsonc.write(once, keyPath, entry), once);
  }
});

test("an empty file becomes a whole one, whatever comments it has", () => {
  assert.equal(json.write("", ["a"], { b: 1 }), `{\n  "a": {\n    "b": 1\n  }\n}\n`);
  assert.equal(jsonc.write("// c", ["a"], { b: 1 }), `// c\n{\n  "a": {\n    "b": 1\n  }\n}\n`);
});

test("what is no JSON is refused with its line", () => {
  const lineOf = (read: () => unknown) => {
    try {
      read();
    } catch (error) {
      assert.ok(error instanceof SyntaxTrouble, String(error));
      return error.line;
    }
    return undefined;
  };
  assert.equal(
    lineOf(() => json.parse(`{\n  "a": 1,\n  // c\n  "b": 2\n}`)),
    3,
  );
  assert.equal(
    lineOf(() => json.parse(`{\n  "a": 1,\n}`)),
    3,
  );
  assert.equal(
    lineOf(() => jsonc.parse(`{\n  "a": [1, 2\n}`)),
    3,
  );
  assert.equal(
    lineOf(() => jsonc.parse(`{\n  "a": 1\n}\n{`)),
    4,
  );
  assert.equal(
    lineOf(() => jsonc.parse(`\n[]`)),
    2,
  );
  assert.equal(
    lineOf(() => jsonc.write(`{\n"mcp": []}`, keyPath, entry)),
    2,
  );
});

test("random files: our entry added and removed is the same file, and means what it should", () => {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const before = randomDocument(new Random(seed));
    const after = jsonc.write(before, keyPath, entry);
    const expected = plain(jsonc.parse(before));
    assert.deepEqual(
      plain(jsonc.parse(after)),
      { ...expected, mcp: { ...expected.mcp, pyro: entry } },
      before,
    );
    assert.equal(jsonc.remove(after, keyPath), before, after);
  }
});

type Plain = Record<string, unknown> & { mcp?: object };

function plain(value: unknown): Plain {
  return JSON.parse(JSON.stringify(value));
}

function randomDocument(random: Random): string {
  const eol = random.pick(["\n", "\r\n"]);
  const space = () =>
    random.pick(["", "", " ", "  ", eol, `${eol}  `, `${eol}\t`, "/* c */", ` // x,}${eol}`]);
  const value = (depth: number): string => {
    if (depth > 2 || random.chance(2)) return random.pick(["1", `"a\\"b // {"`, "true", "[ 1,2 ]"]);
    return object(depth, ["x", "y", "z"]);
  };
  const object = (depth: number, names: readonly string[]): string => {
    const chosen = names.filter(() => !random.chance(3));
    const body = chosen.map(
      (name) => `${space()}"${name}"${space()}:${space()}${value(depth + 1)}`,
    );
    const comma = body.length > 0 && random.chance(3) ? `${space()},` : "";
    return `{${body.join(`${space()},`)}${comma}${space()}}`;
  };
  const others = ["first", "last"].filter(() => random.chance(2));
  const names = random.chance(2) ? ["p", "q", "r"] : ["p"];
  const mcp = random.chance(3) ? [] : [object(1, names)].filter((text) => /"/.test(text));
  const properties = [
    ...others.map((name) => `"${name}":${space()}${value(1)}`),
    ...mcp.map((text) => `"mcp":${space()}${text}`),
  ];
  const comma = properties.length > 0 && random.chance(3) ? `${space()},` : "";
  const body = properties.map((property) => space() + property).join(`${space()},`);
  return `${space()}{${body}${comma}${space()}}${space()}`;
}
