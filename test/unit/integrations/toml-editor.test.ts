import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SyntaxTrouble } from "../../../src/integrations/edit/editor.ts";
import { tomlEditor } from "../../../src/integrations/edit/toml-editor.ts";
import { tomlStatements } from "../../../src/integrations/edit/toml-statements.ts";
import { Random } from "./random.ts";

const keyPath = ["mcp_servers", "pyro"];
const entry = { command: "/opt/pyro", args: ["mcp", "serve"], required: true };
const table = `[mcp_servers.pyro]\ncommand = "/opt/pyro"\nargs = ["mcp", "serve"]\nrequired = true`;

/** What a file was, and what it is with our entry. */
const golden: Record<string, readonly [string, string]> = {
  "an empty file": ["", `${table}\n`],
  "other servers, comments and odd spacing": [
    `# top\nmodel   =  "x" # why\n\n[ mcp_servers . other ] # theirs\ncommand="a"\nargs=[ "b",\n  "c", # ]\n]\n`,
    `# top\nmodel   =  "x" # why\n\n[ mcp_servers . other ] # theirs\ncommand="a"\nargs=[ "b",\n  "c", # ]\n]\n\n${table}\n`,
  ],
  "no line break at the end": [`a = 1 # end`, `a = 1 # end\n\n${table}`],
  "empty lines at the end": ["a = 1\n\n\n", `a = 1\n\n\n\n${table}\n`],
  CRLF: ["a = 1\r\nb = 2\r\n", `a = 1\r\nb = 2\r\n\r\n${table.replaceAll("\n", "\r\n")}\r\n`],
  "strings that look like tables": [
    `a = """\n[mcp_servers.pyro]\n\\""" # "\n"""\nb = '''\n[mcp_servers.pyro]'''\n`,
    `a = """\n[mcp_servers.pyro]\n\\""" # "\n"""\nb = '''\n[mcp_servers.pyro]'''\n\n${table}\n`,
  ],
};

describe("adding an entry changes nothing else, and removing it gives the same bytes", () => {
  for (const [name, [before, after]] of Object.entries(golden))
    test(name, () => {
      assert.equal(tomlEditor.write(before, keyPath, entry), after);
      assert.equal(tomlEditor.write(after, keyPath, entry), after);
      assert.equal(tomlEditor.remove(after, keyPath), before);
    });
});

test("an entry between others goes with the empty line before it", () => {
  const others = "[a]\nx = 1\n\n# about b\n[b]\ny = 2\n";
  const after = others.replace("# about b", `${table}\n\n# about b`);
  assert.equal(tomlEditor.remove(after, keyPath), others);
});

test("an entry with further tables, wherever they stand, goes whole", () => {
  const text = `a = 1\n\n[mcp_servers.pyro]\ncommand = "x"\n\n[mcp_servers.pyro.env]\nA = "b"\n\n[z]\nb = 1\n\n[mcp_servers."pyro".tools.run]\nc = 1\n`;
  assert.equal(tomlEditor.remove(text, keyPath), "a = 1\n\n[z]\nb = 1\n");
});

test("other ways to write the entry are understood", () => {
  for (const text of [
    `[mcp_servers]\npyro = { command = "x" } # c\nother = { command = "y" }\n`,
    `[mcp_servers]\npyro.command = "x"\npyro.args = [\n "a", "b" ]\nother = { command = "y" }\n`,
    `[mcp_servers]\n'pyro'.command = "x"\n"\\u0070yro".args = []\nother = { command = "y" }\n`,
  ]) {
    const without = `[mcp_servers]\nother = { command = "y" }\n`;
    assert.equal(tomlEditor.remove(text, keyPath), without);
    assert.equal(tomlEditor.write(text, keyPath, entry), `${without}\n${table}\n`);
  }
});

test("changing an entry touches only the fields that differ", () => {
  const before = `[mcp_servers.pyro] # ours\ncommand = '/old' # was here\n# by hand\nenabled_tools = ["vm_run"]\nrequired = true\n\n[mcp_servers.pyro.env]\nA = "b"\n\n[z]\n`;
  const wanted = { ...entry, enabled_tools: ["vm_run"], env: { A: "b" } };
  assert.equal(
    tomlEditor.write(before, keyPath, wanted),
    `[mcp_servers.pyro] # ours\ncommand = "/opt/pyro" # was here\n# by hand\nenabled_tools = ["vm_run"]\nrequired = true\nargs = ["mcp", "serve"]\n\n[mcp_servers.pyro.env]\nA = "b"\n\n[z]\n`,
  );
  assert.equal(
    tomlEditor.write(before, keyPath, { command: "/old", env: { A: "c" } }),
    `[mcp_servers.pyro] # ours\ncommand = '/old' # was here\nenv = { A = "c" }\n# by hand\n\n[z]\n`,
  );
});

test("what is no TOML is refused with its line", () => {
  const lineOf = (text: string) => {
    try {
      tomlEditor.parse(text);
    } catch (error) {
      assert.ok(error instanceof SyntaxTrouble, String(error));
      return error.line;
    }
    return undefined;
  };
  assert.equal(lineOf("a = 1\nb = \n"), 2);
  assert.equal(lineOf("a = 1\n\n[x\n"), 3);
  assert.equal(lineOf("a = 1\na = 2\n"), 2);
});

test("values survive whatever they hold", () => {
  const odd = {
    command: 'a"b\\c\n\u007f\u0001é',
    args: ["", "'", "#"],
    env: { "k.e y": "v" },
    n: 1.5,
  };
  const text = tomlEditor.write("", keyPath, odd);
  assert.deepEqual(JSON.parse(JSON.stringify(tomlEditor.parse(text))), {
    mcp_servers: { pyro: odd },
  });
});

test("random files: our entry added and removed is the same file, and every statement is seen", () => {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const { text: before, count } = randomDocument(new Random(seed));
    tomlEditor.parse(before);
    assert.equal(tomlStatements(before).length, count, before);
    const after = tomlEditor.write(before, keyPath, entry);
    const expected = JSON.parse(JSON.stringify(tomlEditor.parse(before)));
    expected.mcp_servers = { ...expected.mcp_servers, pyro: entry };
    assert.deepEqual(JSON.parse(JSON.stringify(tomlEditor.parse(after))), expected, before);
    assert.equal(tomlEditor.remove(after, keyPath), before, after);
  }
});

function randomDocument(random: Random): { text: string; count: number } {
  const eol = random.pick(["\n", "\r\n"]);
  let count = 0;
  let name = 0;
  const space = () => random.pick(["", " ", "  ", "\t"]);
  const comment = () => (random.chance(3) ? ` # "c' [x] = """${eol}` : eol);
  const value = (): string =>
    random.pick([
      "1",
      "1979-05-27T07:32:00Z",
      `"a # b \\" ]"`,
      `'c:\\d "'`,
      `""`,
      `"""${eol}[x]${eol}a = "1" ""\\"""""`,
      `'''${eol}# ' ''${eol}''''`,
      `[ 1, [ "]", '[' ],${eol} # ]${eol} ]`,
      `{ a = { b = "}" }, c = [1] }`,
    ]);
  const key = () => {
    name += 1;
    return random.pick([`k${name}`, `"k ${name}"`, `'k.${name}'`, `k${name} . x`]);
  };
  const statement = () => {
    count += 1;
    return `${space()}${key()}${space()}=${space()}${value()}${comment()}`;
  };
  const body = () => Array.from({ length: random.below(4) }, statement);
  const table = () => {
    count += 1;
    const header = random.pick(["[t.N]", "[[t.N]]", "[ mcp_servers . N ]", `["pyro"."N"]`]);
    const top = random.pick(["", eol, `# about${eol}`]);
    return `${top}${space()}${header.replace("N", `n${count}`)}${comment()}${body().join(random.pick(["", eol]))}`;
  };
  const parts = [...body(), ...Array.from({ length: random.below(4) }, table)];
  const text = parts.join("") + random.pick(["", "", eol, `# end${eol}`]);
  return { text: random.chance(4) ? text.replace(/\s+$/, "") : text, count };
}
