import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkCheck, WorkspaceNetwork } from "../../src/index.ts";
import { fakePyro } from "./support/fake-pyro.ts";
import { pyroCommand } from "./support/terminal.ts";

const network: WorkspaceNetwork = {
  workspaceId: "ws-1",
  ...({ networkPolicy: "egress", preset: "none" } as const),
  ...{ rules: ["allow a.example"], temporaryRules: [], ownRegistries: [], proxies: [] },
  projectFile: { only: ["registries", "b.example:443"], deny: ["c.example"] },
  warnings: [],
};

const run = (answers: Readonly<Record<string, unknown>>, ...args: readonly string[]) =>
  pyroCommand(["workspace", "network", ...args], { pyro: fakePyro(answers).pyro });

test("what a project's own file tightens is shown with the rules, and in JSON", async () => {
  const shown = await run({ showNetwork: network }, "show", "demo");
  assert.equal(
    shown.stdout,
    `allow a.example
Beside that: nothing (preset none).
Of all that, the project's .pyro.toml lets through: registries, b.example:443
The project's .pyro.toml denies: c.example
`,
  );
  const nothing = { ...network, projectFile: { only: [], deny: [] } };
  assert.match(
    (await run({ showNetwork: nothing }, "show", "demo")).stdout,
    /\.pyro\.toml lets through: nothing\n$/,
  );
  const json = JSON.parse((await run({ showNetwork: network }, "show", "demo", "--json")).stdout);
  assert.deepEqual(json.project_file, network.projectFile);
  const without = { ...network, projectFile: null };
  assert.doesNotMatch((await run({ showNetwork: without }, "show", "demo")).stdout, /toml/);
});

test("a check names the project's own file, and that no rule changes what it refuses", async () => {
  const check: NetworkCheck = {
    ...{ workspaceId: "ws-1", host: "c.example", port: 443, addresses: [], proxy: null },
    verdict: "deny",
    rule: ".pyro.toml: deny c.example",
    reason: "The project's .pyro.toml denies c.example:443.",
  };
  assert.deepEqual(await run({ checkNetwork: check }, "check", "demo", "c.example"), {
    code: 0,
    stdout:
      "deny: The project's .pyro.toml denies c.example:443.\nrule: .pyro.toml: deny c.example\n",
    stderr:
      "hint: The project's own file refuses it, and no rule changes that. Change .pyro.toml in the project, and create another workspace.\n",
  });
});
