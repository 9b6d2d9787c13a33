import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { CallToolResult, ListToolsResult } from "@modelcontextprotocol/client";
import { everyTool } from "../mcp/support/every-tool.ts";
import { GuestPlace, type Json } from "../mcp/support/guest-place.ts";
import { textOf } from "../mcp/support/mcp-connection.ts";
import { repository } from "../support/home.ts";
import { inspectorProgram, installConformance } from "./packages.ts";

// `make test-conformance`. Each call is a run of the Inspector's command line, which starts a server of its own.

let place: GuestPlace;

before(async () => {
  await installConformance();
  place = await GuestPlace.open();
});

after(async () => {
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

const eras = ["legacy", "modern"] as const;
const exitToolError = 5;

/** One run of the Inspector: its exit code and the result it was given. */
async function inspect<Result>(
  era: (typeof eras)[number],
  options: readonly string[],
): Promise<{ code: number | null; result: Result }> {
  const variables = Object.entries(place.workspaces.home.env).map(
    ([key, value]) => `${key}=${value}`,
  );
  const command = [
    ...[process.execPath, inspectorProgram, "--cli", "--format", "json", "--quiet"],
    ...["--protocol-era", era, "--cwd", place.project, ...options],
    ...variables.flatMap((variable) => ["-e", variable]),
    ...["--", join(repository, "bin", "pyro"), "mcp", "serve", "--profile", "workspace-full"],
  ];
  const home = place.workspaces.path("inspector");
  mkdirSync(home, { recursive: true });
  const ended = await place.workspaces.home.startProgram(command, { env: { HOME: home } }).ended;
  assert.notEqual(ended.stdout, "", `${ended.code}: ${ended.stderr}`);
  return { code: ended.code, result: JSON.parse(ended.stdout).result };
}

function callTool(era: (typeof eras)[number], tool: string, input: Json) {
  const options = ["--tool-name", tool, "--tool-args-json", JSON.stringify(input)];
  return inspect<CallToolResult>(era, ["--method", "tools/call", ...options]);
}

for (const era of eras) {
  test(`every tool in the ${era} era`, async (context) => {
    const story = everyTool(`inspected-${era}`);
    const called = new Set<string>();
    for (let at = story.next(""); !at.done; ) {
      const { tool, input, says } = at.value;
      let text = "";
      await context.test(tool, async () => {
        const { code, result } = await callTool(era, tool, input);
        text = textOf(result);
        assert.deepEqual([code, result.isError ?? false], [0, false], text);
        assert.match(text, says);
      });
      called.add(tool);
      at = story.next(text);
    }
    const exported = readFileSync(join(place.project, `inspected-${era}.txt`), "utf8");
    assert.equal(exported, "one\nTWO\nthree\n");
    const { result } = await inspect<ListToolsResult>(era, ["--method", "tools/list"]);
    assert.deepEqual([...called].sort(), result.tools.map(({ name }) => name).sort());
  });

  test(`a failure in the ${era} era`, async () => {
    const { code, result } = await callTool(era, "workspace_status", { workspace_id: "absent" });
    assert.equal(code, exitToolError);
    assert.match(textOf(result), /^workspace_not_found: /);
  });

  test(`prompts in the ${era} era`, async () => {
    const { result } = await inspect<{ prompts: { name: string }[] }>(era, [
      ...["--method", "prompts/list"],
    ]);
    for (const { name } of result.prompts) {
      const options = ["--method", "prompts/get", "--prompt-name", name];
      const given = await inspect<{ messages: { content: { text: string } }[] }>(era, options);
      assert.match(given.result.messages[0]?.content.text ?? "", /workspace_/, name);
    }
  });
}

test("no schema of a tool is one that clients have trouble with", async () => {
  const { code } = await inspect("legacy", ["--method", "tools/list", "--strict"]);
  assert.equal(code, 0);
});
