import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, describe, it } from "node:test";
import type { ReapResult, Vm, VmDeleted, VmExecResult } from "../../src/index.ts";
import { identifyProcess } from "../../src/platform/processes.ts";
import { baseEnvironment, PyroHome, repository } from "../support/home.ts";
import { findMonitor } from "../support/host-processes.ts";
import { assertNoProcessLeft } from "../support/oracle.ts";
import { until } from "../support/until.ts";

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

describe("VMs that outlive the process that made them", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  /** Begins a call of the SDK in a process of its own. */
  const begin = (method: string, given: readonly unknown[], env = {}) => {
    const program = join(repository, "test", "support", "pyro-vm.ts");
    const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
    return home.startProgram([...node, program, method, JSON.stringify(given)], { env });
  };
  const call = async <T>(method: string, given: readonly unknown[] = [], env = {}): Promise<T> => {
    const answer = await answerOf<T>(method, given, env);
    if (answer.error) throw new TypeError(`${method}: ${JSON.stringify(answer.error)}`);
    return answer.result as T;
  };
  const failureOf = async (method: string, given: readonly unknown[]): Promise<Failure> => {
    const { error } = await answerOf(method, given);
    assert.ok(error, `${method} succeeded`);
    return error;
  };
  const answerOf = async <T>(method: string, given: readonly unknown[], env = {}) => {
    const { stdout, stderr } = await begin(method, given, env).ended;
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout) as { result?: T; error?: Failure };
  };
  const diesAt = async (point: string, method: string, given: readonly unknown[]) => {
    const { ended } = begin(method, given, { PYRO_FAULT: `${point}:kill` });
    assert.equal((await ended).signal, "SIGKILL");
  };
  const create = (options: object = {}) =>
    call<Vm>("createVm", [{ environment: baseEnvironment, ...options }]);
  const filesOf = (vmId: string) => join(home.stateDirectory, "vms", vmId);

  it("are created, started, used once and deleted, each by another process", async () => {
    const created = await create();
    assert.match(created.vmId, /^vm-[0-9a-f]{12}$/);
    assert.deepEqual(
      [created.state, created.driver, created.vcpuCount, created.memMib, created.network],
      ["created", null, 1, 1024, false],
    );
    assert.equal(Date.parse(created.expiresAt) - Date.parse(created.createdAt), 600_000);

    const started = await call<Vm>("startVm", [created.vmId]);
    assert.deepEqual(
      [started.state, started.driver, started.executionMode],
      ["started", "qemu", "guest_virtio_serial"],
    );
    assert.deepEqual(await call<Vm>("statusVm", [created.vmId]), started);
    assert.deepEqual(await call("networkInfoVm", [created.vmId]), {
      vmId: created.vmId,
      network: false,
      policy: "off",
      preset: null,
      rules: [],
      interfaces: [],
    });

    const command = ["sh", "-c", "hostname; exit 3"];
    const result = await call<VmExecResult>("execVm", [created.vmId, { command }]);
    assert.deepEqual(
      [result.vmId, result.stdout, result.exitCode],
      [created.vmId, `${created.vmId}\n`, 3],
    );
    assert.equal((await failureOf("statusVm", [created.vmId])).code, "vm_not_found");
    assert.equal(existsSync(filesOf(created.vmId)), false);
  });

  it("keep their disk while they are stopped", async () => {
    // The one command of a VM ends it, so that what was written shows in the files alone.
    const { vmId } = await create();
    await call("startVm", [vmId]);
    const stopped = await call<Vm>("stopVm", [vmId]);
    assert.deepEqual([stopped.state, stopped.failure], ["stopped", null]);
    await assertNoProcessLeft({ sessions: [], directories: [home.stateDirectory] });
    assert.ok(existsSync(join(filesOf(vmId), "disk.ext4")));

    await call("startVm", [vmId]);
    const { stdout } = await call<VmExecResult>("execVm", [vmId, { command: ["hostname"] }]);
    assert.equal(stdout, `${vmId}\n`);
  });

  it("refuse what their state does not allow, and say what to do", async () => {
    const { vmId } = await create();
    assert.deepEqual(await failureOf("execVm", [vmId, { command: ["true"] }]), {
      code: "vm_state_conflict",
      message: `VM ${vmId} is created, so it cannot be asked to exec.`,
      hint: "Start it first.",
    });
    assert.deepEqual(await failureOf("stopVm", [vmId]), {
      code: "vm_state_conflict",
      message: `VM ${vmId} is created, so it cannot be asked to stop.`,
      hint: "Start it first.",
    });
    assert.deepEqual(await call<VmDeleted>("deleteVm", [vmId]), { vmId, deleted: true });
    assert.deepEqual(await call<VmDeleted>("deleteVm", [vmId]), { vmId, deleted: false });
    assert.deepEqual(await failureOf("startVm", [vmId]), {
      code: "vm_not_found",
      message: `There is no VM "${vmId}".`,
      hint: "It may have been deleted or have expired; create another.",
    });
  });

  it("are found failed when their monitor was killed", async () => {
    const { vmId } = await create();
    await call("startVm", [vmId]);
    process.kill(await findMonitor(home.stateDirectory), "SIGKILL");
    await assertNoProcessLeft({ sessions: [], directories: [home.stateDirectory] });
    const failed = await call<Vm>("statusVm", [vmId]);
    assert.deepEqual(
      [failed.state, failed.failure],
      ["failed", "its virtual machine monitor ended unexpectedly"],
    );
    assert.deepEqual(await failureOf("execVm", [vmId, { command: ["true"] }]), {
      code: "vm_state_conflict",
      message: `VM ${vmId} is failed (its virtual machine monitor ended unexpectedly), so it cannot be asked to exec.`,
      hint: "Delete it and create another.",
    });
    await call("deleteVm", [vmId]);
  });

  it("end with their time though no pyro runs, and are reaped by the next", async () => {
    const { vmId } = await create({ ttlSeconds: 6 });
    await call("startVm", [vmId]);
    await assertNoProcessLeft({ sessions: [], directories: [home.stateDirectory] });
    assert.equal((await failureOf("statusVm", [vmId])).code, "expired");
    assert.deepEqual(await call<ReapResult>("reapExpired"), { reapedVmIds: [vmId] });
    assert.equal(existsSync(filesOf(vmId)), false);
  });

  it("are deleted while they run, with everything of theirs", async () => {
    const { vmId } = await create();
    await call("startVm", [vmId]);
    assert.deepEqual(await call<VmDeleted>("deleteVm", [vmId]), { vmId, deleted: true });
    assert.equal(existsSync(filesOf(vmId)), false);
  });

  it("are started by one of two processes that try at once", async () => {
    const { vmId } = await create();
    const answers = await Promise.all([
      answerOf<Vm>("startVm", [vmId]),
      answerOf<Vm>("startVm", [vmId]),
    ]);
    assert.deepEqual(answers.map(({ result, error }) => result?.state ?? error?.code).sort(), [
      "started",
      "vm_state_conflict",
    ]);
    await call("deleteVm", [vmId]);
  });

  it("are what they were when the process that starts them is killed, and start again", async () => {
    const { vmId } = await create();
    await diesAt("start.started", "startVm", [vmId]);
    const pid = knownPid(vmId);
    assert.ok(pid);
    assert.equal((await call<Vm>("statusVm", [vmId])).state, "created");
    assert.equal(identifyProcess(Number(pid)), undefined, "its machine runs on");
    await call("startVm", [vmId]);
    const { stdout } = await call<VmExecResult>("execVm", [vmId, { command: ["hostname"] }]);
    assert.equal(stdout, `${vmId}\n`);
  });

  for (const point of ["create.recorded", "create.directory", "delete.recorded", "delete.removed"])
    it(`leave nothing when the process that creates or deletes them is killed at ${point}`, async () => {
      if (point.startsWith("create")) {
        await diesAt(point, "createVm", [{ environment: baseEnvironment }]);
      } else {
        const { vmId } = await create();
        await call("startVm", [vmId]);
        await diesAt(point, "deleteVm", [vmId]);
      }
      await call("reapExpired");
      assert.deepEqual(readdirSync(join(home.stateDirectory, "vms")), []);
      assert.deepEqual(readdirSync(home.stateDirectory).includes("lost"), false);
    });

  it("leave nothing when the process that starts them is killed", async () => {
    const { vmId } = await create();
    const starting = begin("startVm", [vmId]);
    await until("the registry knows the process", () => knownPid(vmId) !== null);
    starting.signal("SIGKILL");
    await starting.ended;
    assert.equal((await call<VmDeleted>("deleteVm", [vmId])).deleted, true);
  });

  it("are found again by their directories when the registry is gone, as they were", async () => {
    const created = await create();
    const running = await create({ cpu: "v3" });
    const stopped = await create();
    const started = await call<Vm>("startVm", [running.vmId]);
    await call("startVm", [stopped.vmId]);
    await call("stopVm", [stopped.vmId]);
    const pid = Number(knownPid(running.vmId));
    loseRegistry();

    assert.deepEqual(await call<ReapResult>("reapExpired"), { reapedVmIds: [] });
    assert.deepEqual(await call<Vm>("statusVm", [created.vmId]), created);
    assert.deepEqual(await call<Vm>("statusVm", [running.vmId]), started);
    assert.ok(identifyProcess(pid), "its machine was ended");
    for (const { vmId } of [created, stopped]) {
      await call("startVm", [vmId]);
      loseRegistry();
    }
    for (const { vmId } of [created, running, stopped]) {
      const { stdout } = await call<VmExecResult>("execVm", [vmId, { command: ["hostname"] }]);
      assert.equal(stdout, `${vmId}\n`);
      assert.equal(existsSync(filesOf(vmId)), false);
    }
  });

  it("are no workspaces, for who lists these or asks for one", async () => {
    const { vmId } = await create();
    assert.deepEqual(await call("listWorkspaces"), { workspaces: [] });
    assert.equal((await failureOf("statusWorkspace", [vmId])).code, "workspace_not_found");
    assert.equal((await failureOf("deleteWorkspace", [vmId])).code, "workspace_not_found");
    assert.equal((await failureOf("statusVm", ["../workspaces"])).code, "vm_not_found");
    await call("gcWorkspaces");
    assert.equal((await call<Vm>("statusVm", [vmId])).state, "created");
    await call("deleteVm", [vmId]);
  });

  it("are deleted when their time is over, though no registry knew them", async () => {
    const { vmId } = await create({ ttlSeconds: 1 });
    loseRegistry();
    await until("its time is over", async () => {
      const { error } = await answerOf("statusVm", [vmId]);
      return error?.code === "expired";
    });
    loseRegistry();
    assert.deepEqual(await call<ReapResult>("reapExpired"), { reapedVmIds: [vmId] });
    assert.equal(existsSync(filesOf(vmId)), false);
  });

  for (const [when, point, isThere] of [
    ["before they have a machine", "start.recorded", () => true],
    ["and have a machine", "start.started", (vmId: string) => knownPid(vmId) !== null],
  ] as const)
    it(`are deleted while they are started ${when}, and the start says so`, async () => {
      const { vmId } = await create();
      const starting = answerOf<Vm>("startVm", [vmId], { PYRO_FAULT: `${point}:stall` });
      await until(
        "it is being started",
        async () => isThere(vmId) && (await call<Vm>("statusVm", [vmId])).state === "starting",
      );
      assert.deepEqual(await call<VmDeleted>("deleteVm", [vmId]), { vmId, deleted: true });
      assert.equal((await starting).error?.code, "vm_state_conflict");
      assert.equal(existsSync(filesOf(vmId)), false);
    });

  it("that nothing tells of end, and what is on their disks is put aside", async () => {
    const { vmId } = await create();
    await call("startVm", [vmId]);
    const pid = Number(knownPid(vmId));
    loseRegistry();
    rmSync(join(filesOf(vmId), "vm.json"));
    await call("reapExpired");
    assert.equal(identifyProcess(pid), undefined, "its machine runs on");
    assert.equal(existsSync(join(home.stateDirectory, "vms", vmId)), false);
    const lost = join(home.stateDirectory, "lost");
    assert.ok(existsSync(join(lost, vmId, "disk.ext4")));
    rmSync(lost, { recursive: true });
  });

  it("start however long the path of the state directory is", async () => {
    const stateDirectory = join(home.directory, "a".repeat(120), "b".repeat(60));
    const env = { PYRO_STATE_DIR: stateDirectory };
    const { vmId } = await call<Vm>("createVm", [{ environment: baseEnvironment }], env);
    await call("startVm", [vmId], env);
    const { stdout } = await call<VmExecResult>("execVm", [vmId, { command: ["hostname"] }], env);
    assert.equal(stdout, `${vmId}\n`);
  });

  const loseRegistry = () => {
    for (const name of readdirSync(home.stateDirectory))
      if (/^registry\.sqlite/.test(name)) rmSync(join(home.stateDirectory, name));
  };
  const knownPid = (vmId: string) => {
    // Whoever writes at the same time may hold it for a moment.
    const path = join(home.stateDirectory, "registry.sqlite");
    const registry = new DatabaseSync(path, { timeout: 10_000 });
    try {
      return (
        registry.prepare("SELECT pid FROM workspaces WHERE workspace_id = ?").get(vmId)?.pid ?? null
      );
    } finally {
      registry.close();
    }
  };
});
