import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { compose } from "../../src/compose.ts";
import { readConfig } from "../../src/platform/config.ts";
import { ensureEnvironment } from "../../src/workspace/environments/ensure-environment.ts";
import type { SecretSource } from "../../src/workspace/life/workspace-options.ts";
import { discard } from "../../src/workspace/machines/attach-agent.ts";
import { refuseSecrets } from "../../src/workspace/machines/make-template.ts";
import { startMachine } from "../../src/workspace/machines/start-machine.ts";
import { unnamedDisk } from "../../src/workspace/machines/start-request.ts";
import { baseEnvironment } from "../support/home.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

describe("secrets that are refused", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  it("make no workspace, and change none of one that is there", async () => {
    const binary = ws.path("binary");
    writeFileSync(binary, Buffer.from([0xff, 0xfe, 0xfd, 0xfc, 0xfb]));
    const good = { name: "GOOD", value: "good-value" };
    const bad: [SecretSource, RegExp][] = [
      [
        { name: "BAD", path: ws.path("missing") },
        /missing of the secret BAD cannot be read: ENOENT/,
      ],
      [{ name: "BAD", variable: "PYRO_TEST_NOT_SET" }, /PYRO_TEST_NOT_SET .* is not set/],
      [{ name: "BAD", value: "abc" }, /4 are the least/],
      [{ name: "BAD", value: "x".repeat(65_537) }, /65536 are the limit/],
      [{ name: "BAD", value: "with\0nul" }, /contains a NUL/],
      [{ name: "BAD", path: binary }, /is not UTF-8/],
      [{ name: "B/D", value: "good-value" }, /"B\/D" cannot be the name/],
      [good, /GOOD is given twice/],
    ];
    for (const [secret, said] of bad) {
      const error = await refusal(ws.create({ secrets: [good, secret] }));
      assert.deepEqual([error.code, said.test(error.message)], ["invalid_argument", true]);
    }
    assert.deepEqual((await ws.pyro.listWorkspaces()).workspaces, []);
    const { workspaceId: id } = await ws.create({ secrets: [{ name: "OLD", value: "old-value" }] });
    for (const [secret, said] of bad)
      assert.match(
        (await refusal(ws.pyro.setSecrets(id, { secrets: [good, secret] }))).message,
        said,
      );
    assert.deepEqual(
      (await ws.pyro.listSecrets(id)).secrets.map(({ name }) => name),
      ["OLD"],
    );
    assert.equal(await ws.sh(id, "ls /run/pyro-secrets"), "OLD\n");
    const mapped = (secretEnv: Record<string, string>) =>
      refusal(ws.pyro.execWorkspace(id, { command: ["true"], secretEnv }));
    assert.match((await mapped({ OLD: "A=B" })).message, /"A=B" cannot be the name/);
    assert.equal((await mapped({ GOOD: "G" })).code, "secret_not_found");
    await ws.pyro.deleteWorkspace(id);
  });

  it("have no place in a template, not even once they were taken away again", async () => {
    const { host } = compose(readConfig(ws.home.env));
    host.prepareDirectories();
    const { image } = await ensureEnvironment(host, baseEnvironment);
    const attached = await startMachine(await host.machineFactory(), {
      vcpuCount: 1,
      memMib: 1024,
      cpu: "v2",
      image,
      disk: unnamedDisk(ws.home.stateDirectory),
      hostname: "test",
      lifetime: "caller",
    });
    try {
      const { client } = attached;
      await refuseSecrets(client);
      await client.holdSecrets([]);
      await refuseSecrets(client);
      await client.holdSecrets([{ name: "TOKEN", value: "a-token" }]);
      await client.holdSecrets([]);
      const error = await refusal(refuseSecrets(client));
      assert.equal(error.code, "template_unusable");
    } finally {
      await discard(attached);
    }
  });
});
