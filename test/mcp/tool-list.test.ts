import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { after, test } from "node:test";
import { countTokens } from "gpt-tokenizer/esm/encoding/o200k_base";
import { PyroHome } from "../support/home.ts";
import { eras, McpConnection } from "./support/mcp-connection.ts";

const home = PyroHome.empty();
after(() => home.dispose());

const core =
  "vm_run workspace_create workspace_list workspace_update workspace_status workspace_sync_push workspace_exec workspace_logs workspace_summary workspace_file_list workspace_file_read workspace_file_write workspace_patch_apply workspace_diff workspace_export workspace_reset workspace_delete";
const more =
  "vm_list_environments vm_create vm_start vm_exec vm_stop vm_delete vm_status vm_network_info vm_reap_expired workspace_stop workspace_start workspace_disk_export workspace_disk_list workspace_disk_read snapshot_create snapshot_list snapshot_delete service_start service_list service_status service_logs service_stop shell_open shell_read shell_write shell_signal shell_close";
const names = {
  "vm-run": ["vm_run"],
  "workspace-core": core.split(" "),
  "workspace-full": [...core.split(" "), ...more.split(" ")],
};

/** What a change of names, descriptions or schemas must be seen to change. */
const digest = "49b22a583830e0d9";

async function toolsOf(args: readonly string[], era: (typeof eras)[number] = "auto") {
  await using connection = await McpConnection.open(home, args, { era });
  return (await connection.client.listTools()).tools;
}

for (const era of eras)
  for (const [profile, expected] of Object.entries(names))
    test(`${profile} offers exactly its tools, in order (${era})`, async () => {
      const tools = await toolsOf(["--profile", profile], era);
      assert.deepEqual(
        tools.map(({ name }) => name),
        expected,
      );
    });

test("the default profile is workspace-core", async () => {
  assert.deepEqual(
    (await toolsOf([])).map(({ name }) => name),
    names["workspace-core"],
  );
});

test("what models and clients are told of the tools is what was reviewed", async () => {
  const tools = await toolsOf(["--profile", "workspace-full"]);
  const text = JSON.stringify(tools);
  assert.equal(createHash("sha256").update(text).digest("hex").slice(0, 16), digest);
});

test("each profile costs a model few tokens", async () => {
  const tools = await toolsOf(["--profile", "workspace-full"]);
  const tokens = new Map(
    tools.map(({ name, description, inputSchema }) => [
      name,
      countTokens(JSON.stringify({ name, description, inputSchema })),
    ]),
  );
  const cost = (profile: keyof typeof names) =>
    names[profile].reduce((sum, name) => sum + (tokens.get(name) ?? Number.NaN), 0);
  assert.ok(cost("vm-run") <= 300, `${cost("vm-run")}`);
  assert.ok(cost("workspace-core") <= 3000, `${cost("workspace-core")}`);
  assert.ok(cost("workspace-full") <= 7500, `${cost("workspace-full")}`);
  for (const profile of ["workspace-core", "workspace-full"] as const) {
    const mean = cost(profile) / names[profile].length;
    assert.ok(mean <= 160, `${profile}: ${mean}`);
  }
  // What creates workspaces and starts services says all that they can be, in the largest profile also their secrets and network.
  const costMax = (name: string) => (/^(workspace_create|service_start)$/.test(name) ? 395 : 350);
  for (const [name, count] of tokens) assert.ok(count <= costMax(name), `${name}: ${count}`);
});

const [yes, no] = [true, false];
/** readOnly, destructive, idempotent, openWorld */
const annotations: Record<string, readonly boolean[]> = {
  vm_run: [no, no, no, no],
  workspace_create: [no, no, no, no],
  workspace_list: [yes, no, yes, no],
  workspace_update: [no, no, yes, no],
  workspace_status: [yes, no, yes, no],
  workspace_sync_push: [no, no, yes, no],
  workspace_exec: [no, no, no, no],
  workspace_logs: [yes, no, yes, no],
  workspace_summary: [yes, no, yes, no],
  workspace_file_list: [yes, no, yes, no],
  workspace_file_read: [yes, no, yes, no],
  workspace_file_write: [no, no, yes, no],
  workspace_patch_apply: [no, no, no, no],
  workspace_diff: [yes, no, yes, no],
  workspace_export: [no, yes, no, no],
  workspace_reset: [no, yes, yes, no],
  workspace_delete: [no, yes, yes, no],
  vm_list_environments: [yes, no, yes, no],
  vm_create: [no, no, no, no],
  vm_start: [no, no, no, no],
  vm_exec: [no, no, no, no],
  vm_stop: [no, no, no, no],
  vm_delete: [no, yes, yes, no],
  vm_status: [yes, no, yes, no],
  vm_network_info: [yes, no, yes, no],
  vm_reap_expired: [no, yes, yes, no],
  workspace_stop: [no, no, yes, no],
  workspace_start: [no, no, yes, no],
  workspace_disk_export: [no, yes, no, no],
  workspace_disk_list: [yes, no, yes, no],
  workspace_disk_read: [yes, no, yes, no],
  snapshot_create: [no, no, no, no],
  snapshot_list: [yes, no, yes, no],
  snapshot_delete: [no, yes, yes, no],
  service_start: [no, no, no, no],
  service_list: [yes, no, yes, no],
  service_status: [yes, no, yes, no],
  service_logs: [yes, no, yes, no],
  service_stop: [no, no, yes, no],
  shell_open: [no, no, no, no],
  shell_read: [yes, no, yes, no],
  shell_write: [no, no, no, no],
  shell_signal: [no, no, no, no],
  shell_close: [no, yes, yes, no],
};

test("every tool says honestly what it does to the world", async () => {
  const tools = await toolsOf(["--profile", "workspace-full"]);
  const told = tools.map(({ name, annotations: given = {} }) => [
    name,
    [given.readOnlyHint, given.destructiveHint, given.idempotentHint, given.openWorldHint],
  ]);
  assert.deepEqual(Object.fromEntries(told), annotations);
});

test("every tool can be understood without its schema's small print", async () => {
  const tools = await toolsOf(["--profile", "workspace-full"]);
  const entries = tools.filter(({ _meta }) => _meta?.["anthropic/alwaysLoad"] === true);
  assert.deepEqual(
    entries.map(({ name }) => name),
    ["vm_run", "workspace_create", "workspace_list", "workspace_exec"],
  );
  for (const tool of tools) {
    const { name, title, description = "", inputSchema, outputSchema } = tool;
    assert.match(name, /^[a-z]+(_[a-z]+)+$/);
    assert.ok(title !== undefined && title.length <= 40 && tool.annotations?.title === title, name);
    assert.ok(description.length >= 25 && description.length <= 600, name);
    assert.match(description, /^[A-Z].*\.$/s, name);
    assert.equal(inputSchema.type, "object");
    const fields = Object.keys(inputSchema.properties ?? {});
    // Those that only the largest profile has are there as well.
    assert.ok(fields.length <= 12, name);
    for (const field of fields) assert.match(field, /^[a-z]+(_[a-z]+)*$/);
    assert.ok(JSON.stringify(outputSchema ?? {}).length < 6000, name);
  }
});

test("arguments that are for the largest profile are not offered by the others", async () => {
  const policyOf = async (profile: string) => {
    const tools = await toolsOf(["--profile", profile]);
    const create = tools.find(({ name }) => name === "workspace_create");
    return Object.keys(create?.inputSchema.properties ?? {}).includes("network_policy");
  };
  assert.deepEqual(
    [await policyOf("workspace-core"), await policyOf("workspace-full")],
    [false, true],
  );
});

test("options choose among the tools", async () => {
  const named = async (...args: string[]) => (await toolsOf(args)).map(({ name }) => name);
  assert.deepEqual(await named("--tools", "snapshot_list,vm_run"), ["vm_run", "snapshot_list"]);
  assert.deepEqual(await named("--profile", "vm-run", "--tools", "vm_run"), ["vm_run"]);
  const without = await named("--exclude", "workspace_export", "--exclude", "vm_run");
  assert.deepEqual(
    without,
    names["workspace-core"].filter((name) => !/^(workspace_export|vm_run)$/.test(name)),
  );
  const reading = await named("--profile", "workspace-full", "--read-only");
  assert.deepEqual(
    reading,
    names["workspace-full"].filter((name) => annotations[name]?.[0]),
  );
});

for (const [args, said] of [
  [["--profile", "everything"], /workspace-core/],
  [["--tools", "vm_rum"], /Did you mean vm_run\?[\s\S]*workspace_create, workspace_list/],
  [["--exclude", "nothing_like_it"], /workspace_create, workspace_list/],
  [["--read-only", "--profile", "vm-run"], /leave no tool/],
  [["--project-path", "/does/not/exist"], /does not exist/],
  [["--allow-path", "/does/not/exist"], /does not exist/],
  [["--repo-ref", "main"], /--repo-url/],
  [["--repo-url", "https://example.org/a.git", "--project-path", "."], /not both/],
  [["--no-such-option"], /unknown option/i],
] as const)
  test(`${args.join(" ")} is refused with 2, on stderr alone`, async () => {
    const { code, stdout, stderr } = await home.pyro(["mcp", "serve", ...args]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, said);
  });

test("the instructions stand in the room that clients leave them", async () => {
  for (const profile of Object.keys(names)) {
    await using connection = await McpConnection.open(home, ["--profile", profile]);
    const text = connection.client.getInstructions() ?? "";
    assert.ok(text.length <= 2000, `${text.length}`);
    const opening = text.split("\n")[0] ?? "";
    assert.ok(opening.length <= 240, `${opening.length}`);
    for (const word of "disposable microVM sandbox workspace run commands tests untrusted snapshot diff files".split(
      " ",
    ))
      assert.ok(opening.toLowerCase().includes(word.toLowerCase()), word);
    // It speaks of no tool that is not there.
    for (const [name] of text.matchAll(/\b(workspace|vm|snapshot|service|shell)_[a-z_]+\b/g))
      if (name !== "workspace_id")
        assert.ok(names[profile as keyof typeof names].includes(name), `${profile}: ${name}`);
  }
});

test("four prompts read as commands", async () => {
  await using connection = await McpConnection.open(home);
  const { prompts } = await connection.client.listPrompts();
  assert.deepEqual(
    prompts.map(({ name }) => name),
    ["cold_start_check", "reproduce_and_fix", "inspect_untrusted_code", "review_changes"],
  );
  for (const { name, title, description, arguments: given = [] } of prompts) {
    assert.ok(title && description, name);
    const filled = Object.fromEntries(given.map((argument) => [argument.name, "THE GIVEN"]));
    for (const values of [{}, filled]) {
      const { messages } = await connection.client.getPrompt({ name, arguments: values });
      const [message] = messages;
      assert.ok(message?.content.type === "text" && message.role === "user");
      assert.doesNotMatch(message.content.text, /undefined/);
      assert.equal(message.content.text.includes("THE GIVEN"), values === filled);
      for (const [tool] of message.content.text.matchAll(/\b(workspace|vm|service)_[a-z_]+\b/g))
        assert.ok(names["workspace-core"].includes(tool), tool);
    }
  }
  // Where there are services, the recipes that start a server say how.
  await using full = await McpConnection.open(home, ["--profile", "workspace-full"]);
  for (const { name } of prompts) {
    const { messages } = await full.client.getPrompt({ name, arguments: {} });
    const text = JSON.stringify(messages);
    const speaksOfServices = ["cold_start_check", "review_changes"].includes(name);
    assert.equal(/service_start.*service_logs.*service_stop/.test(text), speaksOfServices, name);
  }
  await using small = await McpConnection.open(home, ["--profile", "vm-run"]);
  assert.deepEqual((await small.client.listPrompts()).prompts, []);
});

test("starting leaves no trace: no directory, no process, nothing on stderr", async () => {
  const connection = await McpConnection.open(home);
  await connection.client.listTools();
  assert.ok(!existsSync(home.stateDirectory) && !existsSync(home.cacheDirectory));
  assert.deepEqual(readdirSync(home.temporaryDirectory), []);
  await connection[Symbol.asyncDispose]();
  assert.equal(connection.stderr, "");
  await home.assertNothingLeft();
});
