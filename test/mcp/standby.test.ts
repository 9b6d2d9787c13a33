import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { isAlive } from "../../src/platform/processes.ts";
import { baseEnvironment, repository } from "../support/home.ts";
import { endProcess, findSpareSupervisors, findSupervisors } from "../support/host-processes.ts";
import { TestStandbys } from "../support/standbys.ts";
import { until } from "../support/until.ts";
import { McpConnection } from "./support/mcp-connection.ts";

describe("an MCP server", () => {
  let place: TestStandbys;
  before(async () => {
    place = await TestStandbys.open();
  });
  afterEach(() => place.endAll());
  after(() => place[Symbol.asyncDispose]());

  const open = (setting: string) =>
    McpConnection.open(place.home, ["--profile", "workspace-full"], {
      server: {
        command: [join(repository, "bin", "pyro"), "mcp", "serve"],
        env: { ...place.home.env, PYRO_STANDBY: setting },
      },
    });
  const run = { environment: baseEnvironment, command: "true" };
  const untilOneWaits = () => until("a machine waits", () => place.waiting.length === 1, 3_000);

  it("has a machine wait after the first call, and none when it has ended", async () => {
    const server = await open("");
    await server.tools();
    assert.equal(place.waiting.length, 0);
    await server.bulk("vm_run", run);
    await untilOneWaits();
    const [first] = place.waiting;
    assert.ok(first);
    assert.equal(first.record.keeper, `mcp-${server.pid}`);
    // Taken by the next call, and by no other.
    const created = await server.record("workspace_create", { environment: baseEnvironment });
    assert.ok(isAlive(first.record.process));
    await untilOneWaits();
    const [second] = place.waiting;
    assert.ok(second);
    assert.notDeepEqual(second.record.process, first.record.process);
    const id = String(created.workspace_id);
    const named = { workspace_id: id, command: ["hostname"] };
    assert.ok((await server.bulk("workspace_exec", named)).text.includes(`${id}\n`));
    await server.record("workspace_delete", { workspace_id: id });
    assert.equal(isAlive(first.record.process), false);
    await server[Symbol.asyncDispose]();
    await until("it has ended with the server", () => !isAlive(second.record.process));
    assert.equal(place.waiting.length, 0);
    await place.assertNothingHeld();
  });

  it("has a supervisor wait once there was a workspace, for the next one, and none when it was killed", async () => {
    await using server = await open("");
    const create = async () =>
      String(
        (await server.record("workspace_create", { environment: baseEnvironment })).workspace_id,
      );
    const spares = () => findSpareSupervisors(place.home.stateDirectory);
    const untilOneIsSpare = async () => {
      await until("a supervisor waits", () => spares().length === 1, 3_000);
      return spares()[0];
    };
    await server.bulk("vm_run", run);
    const first = await create();
    const spare = await untilOneIsSpare();
    const second = await create();
    const named = { workspace_id: second, command: ["hostname"] };
    assert.ok((await server.bulk("workspace_exec", named)).text.includes(`${second}\n`));
    // Another that saw that it is not needed has ended, or does.
    await until("it is the only one", () => findSupervisors(second).join() === String(spare));
    for (const workspace_id of [first, second])
      await server.record("workspace_delete", { workspace_id });
    const next = await untilOneIsSpare();
    assert.notEqual(next, spare);
    await untilOneWaits();
    endProcess(server.pid);
    await until("it has ended with the server", () => spares().length === 0);
  });

  it("has none wait where that is turned off", async () => {
    await using server = await open("0");
    await server.bulk("vm_run", run);
    await server.bulk("vm_run", run);
    assert.equal(place.waiting.length, 0);
  });
});
