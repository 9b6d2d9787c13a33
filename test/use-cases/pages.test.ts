import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { selectTools } from "../../src/mcp/select-tools.ts";
import { parseInput } from "../../src/mcp/tool-input.ts";
import { repository } from "../support/home.ts";
import { mismatch, pageNames, readPage } from "./support/page.ts";

const readme = readFileSync(join(repository, "README.md"), "utf8");

test("there are five recipes", () => {
  assert.deepEqual(pageNames(), [
    "cold-start-validation",
    "inspect-untrusted-code",
    "parallel-isolated-workspaces",
    "repro-and-fix-loop",
    "review-and-evaluation",
  ]);
});

for (const name of pageNames()) {
  test(`${name}: its calls are calls of its profile, its script follows it, the README names it`, () => {
    const { profile, calls } = readPage(name);
    const tools = new Map(selectTools({ profile }).map((tool) => [tool.name, tool]));
    assert.ok(calls.length > 5);
    for (const { tool, input, line } of calls) {
      const declared = tools.get(tool);
      assert.ok(declared !== undefined, `line ${line}: ${profile} has no ${tool}`);
      assert.doesNotThrow(() => parseInput(declared, input), `line ${line}`);
    }
    const used = calls.map(({ tool }) => tool);
    assert.ok(used.includes("workspace_summary"), "a human has something to review");
    assert.equal(used.at(-1), "workspace_delete");
    assert.ok(existsSync(join(repository, "test", "use-cases", `${name}.ts`)));
    assert.ok(readme.includes(`(docs/use-cases/${name}.md)`));
  });
}

test("an answer that is not as shown is told apart", () => {
  const bulk = (shown: string) =>
    mismatch(shown, { text: "exit 1 · 3 ms\na\nb", record: undefined });
  assert.equal(bulk("exit 1 · …\n…\nb"), undefined);
  assert.equal(bulk("exit 1\na"), undefined);
  assert.match(String(bulk("exit 0 · …")), /not as shown/);
  assert.match(String(bulk("exit 1\nb")), /not as shown/);
  const record = (shown: string) =>
    mismatch(shown, { text: "", record: { a: [{ b: "cd" }], n: 1 } });
  assert.equal(record('{"a": [{"b": "c…"}]}'), undefined);
  assert.match(String(record('{"a": [{"b": "d"}]}')), /^\.a\.0\.b is "cd", not "d"$/);
  assert.match(String(record('{"a": []}')), /^\.a is/);
  assert.match(String(record('{"n": 2}')), /^\.n is 1, not 2$/);
});
