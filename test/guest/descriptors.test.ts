import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { commandOf, findMonitor, findMonitors } from "../support/host-processes.ts";
import { busyboxLayer, makeOciImage } from "../support/oci-image.ts";
import { writeLayout } from "../support/registry-image.ts";
import { RegistryProcess } from "../support/registry-process.ts";
import { refusal, TestWorkspaces } from "../support/workspaces.ts";

/** Descriptors of a process that are directories: each is a way out of a mount namespace. */
function openDirectories(pid: number): string[] {
  return namesIn(`/proc/${pid}/fd`).flatMap((fd) => {
    const link = `/proc/${pid}/fd/${fd}`;
    try {
      return statSync(link).isDirectory() ? [`${fd} -> ${readlinkSync(link)}`] : [];
    } catch {
      // It was closed, or the process ended, while we looked.
      return [];
    }
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Files that other machines use, too, and that a monitor's own identity can open for writing through its descriptors. */
function writableShared(pid: number, cacheDirectory: string): string[] {
  const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  const drop = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
  const asMonitor = process.getuid?.() === 0 ? drop : [];
  return namesIn(`/proc/${pid}/fd`).flatMap((fd) => {
    const link = `/proc/${pid}/fd/${fd}`;
    const target = readlinkSync(link);
    const isShared =
      target.startsWith(`${cacheDirectory}/`) || /^\/(memory|environment)$/.test(target);
    if (!isShared) return [];
    const [program = "", ...args] = [...asMonitor, "sh", "-c", `: <> ${link}`];
    const { status } = spawnSync(program, args, { stdio: "ignore" });
    return status === 0 ? [`${fd} -> ${target}`] : [];
  });
}

/** Not one that is only asked for its version. */
function isMachine(pid: number): boolean {
  return commandOf(pid).includes(" -machine ");
}

/** Every monitor that has files of `directory` open while `work` is done, with what it had open of directories. */
async function watchMonitors(directory: string, work: Promise<unknown>) {
  const found = new Map<number, string[]>();
  const ended = work.then(() => true);
  while (!(await Promise.race([ended, sleep(3)])))
    for (const pid of findMonitors(directory).filter(isMachine))
      found.set(pid, [...new Set([...(found.get(pid) ?? []), ...openDirectories(pid)])]);
  return found;
}

describe("no monitor has a directory of the host open, or can write what others use", () => {
  let place: TestWorkspaces;
  before(async () => {
    place = await TestWorkspaces.open();
  });
  after(() => place[Symbol.asyncDispose]());

  it("when it runs one command", async () => {
    const started = place.home.start(
      ["run", baseEnvironment, "--", "sh", "-c", "echo ready; cat"],
      {
        openInput: true,
      },
    );
    await started.said("ready");
    const pid = await findMonitor(place.home.stateDirectory);
    assert.deepEqual(openDirectories(pid), []);
    assert.deepEqual(writableShared(pid, place.home.cacheDirectory), []);
    started.child.stdin.end();
    await started.ended;
  });

  it("when it is a workspace's: new, taken over by another supervisor, and started on a disk that exists", async () => {
    const { workspaceId } = await place.create();
    assert.deepEqual(openDirectories(place.monitor(workspaceId)), []);
    await place.killSupervisor(workspaceId);
    await place.sh(workspaceId, "true");
    assert.deepEqual(openDirectories(place.monitor(workspaceId)), []);
    await place.pyro.stopWorkspace(workspaceId);
    await place.pyro.startWorkspace(workspaceId);
    assert.deepEqual(openDirectories(place.monitor(workspaceId)), []);
    assert.deepEqual(writableShared(place.monitor(workspaceId), place.home.cacheDirectory), []);
    await place.pyro.deleteWorkspace(workspaceId);
  });

  it("when it is a VM's", async () => {
    const { vmId } = await place.pyro.createVm({ environment: baseEnvironment });
    await place.pyro.startVm(vmId);
    assert.deepEqual(openDirectories(await findMonitor(place.home.stateDirectory)), []);
    await place.pyro.deleteVm(vmId);
  });
});

describe("a monitor that has more open than its record says", () => {
  it("is ended by whoever takes its workspace over, and the workspace says why and starts again", async () => {
    await using place = await TestWorkspaces.open();
    const { workspaceId } = await place.create();
    await place.pyro.writeWorkspaceFile(workspaceId, "kept", { text: "kept" });
    await place.sh(workspaceId, "sync");
    await place.killSupervisor(workspaceId);
    const record = join(place.directory(workspaceId), "sockets", "allowance.json");
    const allowance = JSON.parse(readFileSync(record, "utf8"));
    // As if its disk were a file of somebody else's.
    writeFileSync(record, JSON.stringify({ ...allowance, writable: [] }));
    const error = await refusal(place.pyro.execWorkspace(workspaceId, { command: ["true"] }));
    assert.ok(error.code.length > 0);
    const { state, failure } = await place.pyro.statusWorkspace(workspaceId);
    assert.equal(state, "failed");
    assert.match(String(failure), /not confined: has open \d+ -> .*disk\.ext4/);
    await place.pyro.startWorkspace(workspaceId);
    assert.equal(await place.sh(workspaceId, "cat kept"), "kept");
    await place.assertNothingLeft();
  });
});

describe("no monitor has a directory of the host open, not even for a moment", () => {
  it("while it builds an image, boots to become a template, or resumes from one", async () => {
    await using home = await PyroHome.private({ images: false });
    await using registry = await RegistryProcess.start(join(home.directory, "registry"));
    const image = await makeOciImage([busyboxLayer([])], {});
    const layout = join(home.directory, "layout");
    await writeLayout(layout, "v1", { top: image.manifest, images: [image] });
    await registry.push(layout, "team/app", "v1");
    const reference = `${registry.host}/team/app:v1`;
    const env = { PYRO_INSECURE_REGISTRIES: registry.host };
    const ended = home.pyro(["run", reference, "--", "/bin/sh", "-c", "echo done"], { env });
    const found = await watchMonitors(home.directory, ended);
    assert.equal((await ended).stdout, "done\n");
    assert.equal(found.size, 3, "a builder, a template, and the machine resumed from it");
    assert.deepEqual([...found.values()].flat(), []);
    await home.assertNothingLeft();
  });
});
