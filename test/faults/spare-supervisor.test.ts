import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { compose } from "../../src/compose.ts";
import { readConfig } from "../../src/platform/config.ts";
import {
  identifyProcess,
  killProcess,
  type ProcessIdentity,
  waitUntilGone,
} from "../../src/platform/processes.ts";
import type { WorkspaceContext } from "../../src/workspace/life/workspace-context.ts";
import { createWorkspace } from "../../src/workspace/seed/create-workspace.ts";
import { baseEnvironment } from "../support/home.ts";
import { findSpareSupervisors, findSupervisors } from "../support/host-processes.ts";
import { until } from "../support/until.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

describe("a supervisor that waits for a workspace", () => {
  let place: TestWorkspaces;
  /** Of the process that has it wait. */
  let keeper: WorkspaceContext;
  before(async () => {
    place = await TestWorkspaces.open();
    keeper = compose(readConfig(place.home.env)).workspaces;
    await create();
  });
  afterEach(() => place.assertAgree());
  after(async () => {
    keeper[Symbol.dispose]();
    await place.assertNothingLeft();
    await place[Symbol.asyncDispose]();
  });

  const create = async () =>
    (await createWorkspace(keeper, { environment: baseEnvironment })).workspaceId;
  const keep = async (): Promise<ProcessIdentity> => {
    const spares = () => findSpareSupervisors(place.home.stateDirectory);
    await keeper.supervisors.keepSpare({ idleSeconds: 900, untilIdle: async () => undefined });
    await until("one waits", () => spares().length === 1);
    const identity = identifyProcess(spares()[0] ?? 0);
    assert.ok(identity);
    return identity;
  };
  /** The one that looks after a workspace; those that only see that they are not needed end by themselves. */
  const only = async (id: string) => {
    assert.equal(await place.sh(id, "hostname"), `${id}\n`);
    await until("one supervisor is left", () => findSupervisors(id).length === 1);
    return findSupervisors(id)[0];
  };

  it("is the next one's, and the machine is adopted when it is killed", async () => {
    const spare = await keep();
    const id = await create();
    const bootId = await place.bootId(id);
    assert.equal(await only(id), spare.pid);
    await killProcess(spare);
    assert.notEqual(await only(id), spare.pid);
    assert.equal(await place.bootId(id), bootId);
  });

  it("takes the place of one that was killed, and stops its workspace", async () => {
    const id = await create();
    await place.sh(id, "echo kept > file");
    const spare = await keep();
    await place.killSupervisor(id);
    keeper.supervisors.spawn(id);
    assert.equal(await place.sh(id, "cat file"), "kept\n");
    assert.equal(await only(id), spare.pid);
    await place.pyro.stopWorkspace(id);
    assert.ok(await waitUntilGone(spare, 20_000));
  });

  it("is replaced without a word when it dies before it has heard for which", async () => {
    const spare = await keep();
    process.kill(spare.pid, "SIGSTOP");
    const id = await create();
    await killProcess(spare);
    assert.notEqual(await only(id), spare.pid);
  });

  it("is none beside another that was started because it did not come", async () => {
    const spare = await keep();
    process.kill(spare.pid, "SIGSTOP");
    const id = await create();
    const other = await only(id);
    process.kill(spare.pid, "SIGCONT");
    assert.ok(await waitUntilGone(spare, 20_000));
    assert.equal(await only(id), other);
  });
});
