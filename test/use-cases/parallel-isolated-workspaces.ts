import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkOut, hostDigest, Scene } from "./support/scene.ts";

const names = ["modulo", "subtract", "rewrite"] as const;

test("three attempts run side by side, unseen by each other", async () => {
  let project = "";
  await using scene = await Scene.open("parallel-isolated-workspaces", (directory) => {
    project = checkOut("durations", directory);
    return { cwd: project };
  });
  const before = hostDigest(project);

  const created = await scene.together("workspace_create", names.length);
  assert.equal(new Set(created.map(({ facts }) => facts.workspace_id)).size, names.length);
  await scene.together("workspace_patch_apply", names.length);
  const checked = await scene.together("workspace_exec", names.length);
  assert.deepEqual(
    checked.map(({ facts }) => facts.exit_code),
    [0, 1, 0],
  );
  assert.equal(hostDigest(project), before, "no attempt shows in the checkout");

  const sizes = await scene.together("workspace_diff", 2);
  assert.deepEqual(
    sizes.map(({ facts }) => facts.insertions),
    [1, 3],
  );
  await scene.printSummary(await scene.next("workspace_summary"));
  await scene.next("workspace_export");
  const exported = readFileSync(join(project, "durations-modulo", "__init__.py"), "utf8");
  assert.match(exported, /seconds \/\/ 60 % 60/);

  await assertIsolated(scene);
  await scene.next("workspace_list");
  await scene.together("workspace_delete", names.length);
  await scene.end();
});

/** Each machine is another one, and holds its own change only. */
async function assertIsolated(scene: Scene): Promise<void> {
  const { pyro } = scene.workspaces;
  const seen = await Promise.all(
    names.map(async (name) => {
      const script = "cat /etc/machine-id; cat durations/*.py";
      const { stdout } = await pyro.execWorkspace(name, { command: ["sh", "-c", script] });
      const changes = ["60 % 60", "if hours else 0", "divmod"].filter((one) =>
        stdout.includes(one),
      );
      return { machine: stdout.split("\n")[0], changes };
    }),
  );
  assert.equal(new Set(seen.map(({ machine }) => machine)).size, names.length);
  assert.deepEqual(
    seen.map(({ changes }) => changes),
    [["60 % 60"], ["if hours else 0"], ["divmod"]],
  );
}
