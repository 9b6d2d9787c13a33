import assert from "node:assert/strict";
import { test } from "node:test";
import { fakePyro } from "./support/fake-pyro.ts";
import { pyroCommand } from "./support/terminal.ts";

const list = { workspaceId: "ws-1", secrets: [{ name: "TOKEN", sourceKind: "file" }] };

async function secret(...line: string[]) {
  const answers = { setSecrets: list, listSecrets: list, removeSecret: { ...list, secrets: [] } };
  const { pyro, calls } = fakePyro(answers);
  const ended = await pyroCommand(["workspace", "secret", ...line], { pyro });
  return { ...ended, calls };
}

test("secrets are handed over in three ways, and that one of them shows is said", async () => {
  const { calls, stdout, stderr } = await secret(
    ...["set", "demo", "--secret", "A=x=y", "--secret-file", "B=./b=c", "--secret-from-env", "C"],
    ...["--secret-from-env", "D=OTHER"],
  );
  assert.deepEqual(calls, [
    [
      "setSecrets",
      "demo",
      {
        secrets: [
          { name: "A", value: "x=y" },
          { name: "B", path: "./b=c" },
          { name: "C", variable: "C" },
          { name: "D", variable: "OTHER" },
        ],
      },
    ],
  ]);
  assert.match(stderr, /^warning: the value of --secret shows in the process list/);
  assert.match(stdout, /^SECRET +FROM *\nTOKEN +file *\n$/);
  assert.equal((await secret("set", "demo", "--secret-from-env", "C")).stderr, "");
});

test("what is no secret is refused without being quoted", async () => {
  for (const option of ["--secret", "--secret-file"]) {
    const { calls, stdout, stderr } = await secret("set", "demo", option, "canary");
    assert.deepEqual(calls, []);
    assert.match(stderr, /is not NAME=(VALUE|PATH)/);
    assert.doesNotMatch(stdout + stderr, /canary/);
  }
});

test("secrets are listed by name and taken away by name", async () => {
  const listed = await secret("list", "demo", "--json");
  assert.deepEqual(JSON.parse(listed.stdout), {
    workspace_id: "ws-1",
    secrets: [{ name: "TOKEN", source_kind: "file" }],
  });
  const removed = await secret("rm", "demo", "TOKEN");
  assert.deepEqual(removed.calls, [["removeSecret", "demo", "TOKEN"]]);
  assert.equal(removed.stdout, "Removed secret TOKEN.\n");
});
