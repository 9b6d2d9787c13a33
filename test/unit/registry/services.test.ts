import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { adoptWorkspace } from "../../../src/registry/adopt-workspace.ts";
import { Registry } from "../../../src/registry/database.ts";
import { PortTable } from "../../../src/registry/published-ports.ts";
import { type ServiceRow, ServiceTable } from "../../../src/registry/services.ts";
import { WorkspaceTable } from "../../../src/registry/workspaces.ts";
import { newRow } from "../../../src/workspace/life/new-workspace.ts";

let directory: string;
let registry: Registry;
let services: ServiceTable;
let ports: PortTable;
let workspaces: WorkspaceTable;
let id: string;
const row = () =>
  newRow("workspace", { environment: "debian:12", vcpuCount: 1, memMib: 512, cpu: undefined });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pyro-services-"));
  registry = Registry.open(directory);
  services = new ServiceTable(registry);
  ports = new PortTable(registry);
  workspaces = new WorkspaceTable(registry);
  const made = row();
  workspaces.insert(made);
  id = made.workspaceId;
});
afterEach(() => {
  registry[Symbol.dispose]();
  rmSync(directory, { recursive: true, force: true });
});

function service(change: Partial<ServiceRow> = {}): ServiceRow {
  return {
    name: "web",
    state: "running",
    reason: null,
    startedAt: "2026-01-01T00:00:00.000Z",
    readyAt: null,
    endedAt: null,
    exitCode: null,
    signal: null,
    outOfMemory: false,
    restartCount: 0,
    lastProbe: null,
    isResumable: false,
    definition: {
      command: ["true"],
      cwd: "/workspace",
      env: { A: "b" },
      readiness: { kind: "tcp", address: "localhost:1" },
      readyTimeoutMs: 1000,
      readyIntervalMs: 100,
      stopGraceMs: 1000,
      restart: "no",
      publishedPorts: [{ guestPort: 80 }],
    },
    ...change,
  };
}

test("a service is kept as it is, and counts as a change of its workspace", () => {
  const before = workspaces.find(id)?.revision ?? 0;
  services.put(id, service(), 64);
  assert.deepEqual(services.list(id), [service()]);
  assert.equal(services.update(id, "web", { ...service(), state: "exited", exitCode: 0 }), true);
  assert.deepEqual(services.find(id, "web"), service({ state: "exited", exitCode: 0 }));
  assert.equal(services.update(id, "absent", service()), false);
  assert.equal(workspaces.find(id)?.revision, before + 2);
  services.put("ws-gone", service(), 64);
  assert.deepEqual(services.list("ws-gone"), []);
});

test("of too many, the one that ended first goes, and none that runs", () => {
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;
  services.put(id, service({ name: "live" }), 3);
  services.put(id, service({ name: "later", state: "failed", endedAt: at(2) }), 3);
  services.put(id, service({ name: "first", state: "exited", endedAt: at(1) }), 3);
  services.put(id, service({ name: "new" }), 3);
  assert.deepEqual(
    services.list(id).map(({ name }) => name),
    ["later", "live", "new"],
  );
  assert.deepEqual(services.counts(id), { serviceCount: 3, runningServiceCount: 2 });
});

test("services end with their workspace's machine, and are known to have run", () => {
  services.put(id, service(), 64);
  services.put(id, service({ name: "over", state: "failed", reason: "broken", exitCode: 3 }), 64);
  workspaces.transition(id, { from: ["creating"], to: "started" });
  assert.equal(services.find(id, "web")?.state, "running");
  workspaces.transition(id, { from: ["started"], to: "failed", change: { failure: "it broke" } });
  const web = services.find(id, "web");
  assert.deepEqual(
    [web?.state, web?.reason, web?.isResumable],
    ["stopped", "the workspace failed: it broke", true],
  );
  const over = services.find(id, "over");
  assert.deepEqual(
    [over?.state, over?.reason, over?.exitCode, over?.isResumable],
    ["failed", "broken", 3, false],
  );
});

test("ports are kept by the host's number, and found by it", () => {
  ports.put(id, { hostPort: 8080, guestPort: 80, service: null });
  ports.put(id, { hostPort: 8081, guestPort: 80, service: "web" });
  assert.deepEqual(ports.workspacesAt(8080), [id]);
  ports.removeUnowned(id);
  assert.deepEqual(ports.list(id), [{ hostPort: 8081, guestPort: 80, service: "web" }]);
  assert.deepEqual([ports.remove(id, 8081), ports.remove(id, 8081)], [true, false]);
});

test("a workspace that is taken over brings what its description says", () => {
  ports.put(id, { hostPort: 1, guestPort: 1, service: null });
  services.put(id, service({ name: "old" }), 64);
  const found = workspaces.find(id);
  assert.ok(found !== undefined);
  const port = { hostPort: 2, guestPort: 2, service: "web" };
  adoptWorkspace(registry, { row: found, snapshots: [], services: [service()], ports: [port] });
  assert.deepEqual([services.list(id), ports.list(id)], [[service()], [port]]);
});
