import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { readConfig } from "../../../../src/platform/config.ts";
import {
  identifyProcess,
  killProcess,
  type ProcessIdentity,
  waitUntilGone,
} from "../../../../src/platform/processes.ts";
import {
  type KeepSpareOptions,
  SpareSupervisor,
} from "../../../../src/workspace/life/spare-supervisor.ts";
import type { SupervisorsParts } from "../../../../src/workspace/life/start-supervisor.ts";
import { Supervisors } from "../../../../src/workspace/life/supervisors.ts";
import { repository } from "../../../support/home.ts";
import { findSpareSupervisors } from "../../../support/host-processes.ts";
import { SupervisedWorkspace } from "../../../support/supervised-workspace.ts";
import { until } from "../../../support/until.ts";

const program = join(repository, "src", "supervisor.ts");
const atOnce: KeepSpareOptions = { idleSeconds: 900, untilIdle: async () => undefined };
const bytes = 2 ** 60;
/** What a supervisor says of the workspace's driver, which only this test has. */
const told = 'This pyro has no driver "stub".\n';

let workspace: SupervisedWorkspace;
let parts: SupervisorsParts;
let spare: SpareSupervisor;
beforeEach(async () => {
  workspace = await SupervisedWorkspace.start();
  const client = await workspace.connect();
  await client.supervisor.stepAside();
  await workspace.supervised;
  const config = readConfig({ PYRO_STATE_DIR: workspace.stateDirectory, HOME: "/" });
  parts = { config, program };
  spare = new SpareSupervisor(parts);
});
afterEach(async () => {
  spare.end();
  await untilThereAre(0);
  await workspace[Symbol.asyncDispose]();
});

const waiting = () => findSpareSupervisors(workspace.stateDirectory);
const untilThereAre = (count: number) =>
  until(
    () => `${count} wait: ${waiting()}`,
    () => waiting().length === count,
  );
const log = () => readFileSync(workspace.files.supervisorLogPath, "utf8");
const order = () => ({
  stateDirectory: workspace.stateDirectory,
  workspaceId: workspace.workspaceId,
});

/** Whether one took the workspace, which none may then fail to do. */
const given = (failure: string) =>
  spare.give(order(), { when: Promise.resolve(), instead: () => assert.fail(failure) });

/** The one that waits. */
async function only(): Promise<ProcessIdentity> {
  await untilThereAre(1);
  const identity = identifyProcess(waiting()[0] ?? 0);
  assert.ok(identity);
  return identity;
}

/** A workspace has had a supervisor here before. */
async function supervisorsWithSpare(): Promise<Supervisors> {
  const supervisors = new Supervisors(parts);
  supervisors.spawn(workspace.workspaceId);
  await until("the first has spoken", () => log() === told);
  await supervisors.keepSpare(atOnce);
  await untilThereAre(1);
  return supervisors;
}

test("one waits, and no second one, until it is ended", async () => {
  await Promise.all([spare.keep(atOnce), spare.keep(atOnce)]);
  const identity = await only();
  await spare.keep(atOnce);
  assert.deepEqual(waiting(), [identity.pid]);
  spare.end();
  assert.ok(await waitUntilGone(identity, 20_000));
});

test("it is nobody's child and leads a session of its own", async () => {
  await spare.keep(atOnce);
  const { pid } = await only();
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const [, parent, , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  assert.notEqual(Number(parent), process.pid);
  assert.equal(Number(session), pid);
});

test("it becomes the supervisor that it is told to be, and writes to that workspace's log", async () => {
  const supervisors = await supervisorsWithSpare();
  const identity = await only();
  supervisors.spawn(workspace.workspaceId);
  assert.ok(await waitUntilGone(identity, 20_000));
  assert.equal(log(), told);
  assert.deepEqual(waiting(), []);
  supervisors.close();
});

test("none is kept where there was no workspace", async () => {
  const supervisors = new Supervisors(parts);
  await supervisors.keepSpare({
    ...atOnce,
    untilIdle: () => Promise.reject(new TypeError("it is being made")),
  });
  supervisors.close();
});

test("whatever ends its keeper ends it", async () => {
  const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
  const [command = "", ...args] = [...node, join(repository, "test/support/spare-keeper.ts")];
  const keeper = spawn(command, [...args, program], {
    stdio: "ignore",
    env: { ...process.env, PYRO_STATE_DIR: workspace.stateDirectory },
  });
  const identity = await only();
  keeper.kill("SIGKILL");
  assert.ok(await waitUntilGone(identity, 20_000));
});

test("one that was killed a moment before is replaced by an ordinary one", async () => {
  const supervisors = await supervisorsWithSpare();
  process.kill((await only()).pid, "SIGKILL");
  // Nobody has been told of its death by now.
  supervisors.spawn(workspace.workspaceId);
  await until("another one has spoken", () => log() === told);
  supervisors.close();
});

test("one that is known to be gone is none", async () => {
  await spare.keep(atOnce);
  await killProcess(await only());
  await until("its end is known", () => !spare.isWaiting);
  assert.equal(given("it was known"), false);
});

test("it is not used where an ordinary one would see another environment", async () => {
  await spare.keep(atOnce);
  const identity = await only();
  process.env.PYRO_PATIENCE = "7";
  try {
    assert.equal(given("it was given"), false);
  } finally {
    delete process.env.PYRO_PATIENCE;
  }
  assert.ok(await waitUntilGone(identity, 20_000));
});

test("it ends when nobody has wanted it for long", async () => {
  await spare.keep({ ...atOnce, idleSeconds: 0 });
  assert.ok(await waitUntilGone(await only(), 20_000));
});

test("there is none where memory is short, and none made ready after the end", async () => {
  await spare.keep({ ...atOnce, floors: { memoryFloorBytes: bytes, diskFloorBytes: 0 } });
  const { promise, resolve } = Promise.withResolvers<void>();
  const kept = spare.keep({ ...atOnce, untilIdle: () => promise });
  spare.end();
  resolve();
  await kept;
  assert.equal(given("there is none"), false);
});
