import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, test } from "node:test";
import { PyroError } from "../../../src/model/errors.ts";
import { Registry } from "../../../src/registry/database.ts";
import { migrations } from "../../../src/registry/migrations.ts";
import { type WorkspaceRow, WorkspaceTable } from "../../../src/registry/workspaces.ts";
import { newRow } from "../../../src/workspace/life/new-workspace.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "pyro-registry-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const vm: WorkspaceRow = {
  ...newRow("vm", { environment: "debian:12", vcpuCount: 1, memMib: 1024, cpu: "v2" }),
  workspaceId: "vm-1",
  state: "stopped",
  work: null,
  createdAt: "2026-01-01T00:00:00.000Z",
  lastActivityAt: "2026-01-01T00:00:00.000Z",
  expiresAt: "2026-01-01T00:10:00.000Z",
};

test("a VM is remembered apart from workspaces, changed only from the states named, and forgotten once", () => {
  using registry = Registry.open(state);
  const rows = new WorkspaceTable(registry);
  rows.insert(vm);
  rows.insert({ ...vm, workspaceId: "ws-1" });
  const kept = { ...vm, revision: 1 };
  assert.deepEqual(rows.find("vm-1"), kept);
  assert.deepEqual(rows.list("vm"), [kept]);
  assert.deepEqual(
    rows.list("workspace").map(({ workspaceId }) => workspaceId),
    ["ws-1"],
  );
  assert.deepEqual(rows.match("vm-1"), []);
  const process = { pid: 7, startTicks: "8", bootId: "9" };
  assert.equal(rows.transition("vm-1", { from: ["started"], to: "stopped" }), false);
  const change = { driver: "qemu", process };
  assert.equal(rows.transition("vm-1", { from: ["stopped"], to: "started", change }), true);
  const started = { ...kept, state: "started", driver: "qemu", process, revision: 2 };
  assert.deepEqual(rows.find("vm-1"), started);
  const ended = { at: "2026-01-01T00:10:00.000Z", reason: "deleted" };
  assert.equal(rows.remove("vm-1", ended), true);
  assert.equal(rows.findEnded("vm-1"), undefined);
  assert.equal(rows.remove("vm-1", ended), false);
});

test("a machine is claimed for whatever is there, and not for what is being deleted", () => {
  using registry = Registry.open(state);
  const rows = new WorkspaceTable(registry);
  const process = { pid: 7, startTicks: "8", bootId: "9" };
  assert.equal(rows.claim("vm-1", process), false);
  rows.insert(vm);
  assert.equal(rows.claim("vm-1", process), true);
  assert.deepEqual(rows.find("vm-1")?.process, process);
  rows.transition("vm-1", { from: ["stopped"], to: "deleting" });
  assert.equal(rows.claim("vm-1", { ...process, pid: 8 }), false);
  assert.deepEqual(rows.find("vm-1")?.process, process);
});

test("VMs of a registry that kept them apart, and knew one CPU only, are what they were", () => {
  const raw = new DatabaseSync(join(state, "registry.sqlite"));
  raw.exec(`${migrations[0]}; PRAGMA user_version = 1`);
  const { createdAt, expiresAt } = vm;
  const insert = raw.prepare(`INSERT INTO vms VALUES
    (?, 'debian:12', ?, 1, 1024, '${createdAt}', '${expiresAt}', ?, ?, ?, ?, ?, ?, ?)`);
  const traits = ["qemu", "guest_virtio_serial", "emulated"];
  const none = [null, null, null];
  insert.run("vm-1", "created", ...none, null, ...none);
  insert.run("vm-2", "starting", ...none, null, 7, "8", "9");
  insert.run("vm-3", "started", ...traits, null, 7, "8", "9");
  insert.run("vm-4", "failed", ...none, "no room", ...none);
  raw.close();
  using registry = Registry.open(state);
  const process = { pid: 7, startTicks: "8", bootId: "9" };
  const [driver, executionMode, isolation] = traits;
  assert.deepEqual(new WorkspaceTable(registry).list("vm"), [
    { ...vm, deadline: null },
    { ...vm, deadline: null, workspaceId: "vm-2", process },
    {
      ...{ ...vm, deadline: null, workspaceId: "vm-3", state: "started" },
      ...{ driver, executionMode, isolation, process },
    },
    { ...vm, deadline: null, workspaceId: "vm-4", state: "failed", failure: "no room" },
  ]);
});

test("a registry that a newer pyro migrates meanwhile takes no more from an older one, but what it looks after still", () => {
  using older = Registry.open(state);
  using supervisor = Registry.open(state, { outlivesMigrations: true });
  const raw = new DatabaseSync(join(state, "registry.sqlite"));
  raw.exec("PRAGMA user_version = 999");
  raw.close();
  const insert = (registry: Registry, workspaceId: string) =>
    new WorkspaceTable(registry).insert({ ...vm, workspaceId });
  assert.throws(() => insert(older, "vm-1"), { code: "registry_schema_too_new" });
  insert(supervisor, "vm-2");
  assert.equal(new WorkspaceTable(supervisor).find("vm-1"), undefined);
  assert.notEqual(new WorkspaceTable(supervisor).find("vm-2"), undefined);
});

test("a registry of a newer pyro is refused and left alone", () => {
  Registry.open(state)[Symbol.dispose]();
  const raw = new DatabaseSync(join(state, "registry.sqlite"));
  raw.exec("PRAGMA user_version = 999");
  raw.close();
  assert.throws(
    () => Registry.open(state),
    (error: unknown) =>
      error instanceof PyroError &&
      error.code === "registry_schema_too_new" &&
      /schema 999/.test(error.message),
  );
});

test("a damaged registry is named, with a hint", () => {
  writeFileSync(
    join(state, "registry.sqlite"),
    "this is no database at all, not even close".repeat(100),
  );
  assert.throws(
    () => Registry.open(state),
    (error: unknown) =>
      error instanceof PyroError && error.code === "registry_damaged" && error.hint !== undefined,
  );
});

test("eight processes open and write a new registry at once, and nothing is busy or lost", async () => {
  const base = new URL("../../../src/registry/", import.meta.url).href;
  const script = `
    const { Registry } = await import("${base}database.ts");
    const { WorkspaceTable } = await import("${base}workspaces.ts");
    for (let round = 0; round < 25; round++) {
      using registry = Registry.open(${JSON.stringify(state)});
      new WorkspaceTable(registry).insert({ ...${JSON.stringify(vm)}, workspaceId: \`vm-\${process.pid}-\${round}\` });
    }`;
  const children = Array.from({ length: 8 }, () =>
    spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script],
      { stdio: ["ignore", "ignore", "inherit"] },
    ),
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
  assert.deepEqual(codes, Array(8).fill(0));
  using registry = Registry.open(state);
  assert.equal(new WorkspaceTable(registry).list("vm").length, 200);
  assert.deepEqual(
    registry.all("PRAGMA integrity_check"),
    [{ integrity_check: "ok" }].map((row) => Object.assign(Object.create(null), row)),
  );
});

test("what was asked once is asked again with other values, of a registry that was changed meanwhile", () => {
  using registry = Registry.open(state);
  const rows = new WorkspaceTable(registry);
  rows.insert(vm);
  assert.equal(rows.find("vm-1")?.state, "stopped");
  const other = new DatabaseSync(join(state, "registry.sqlite"));
  other.exec(
    "ALTER TABLE workspaces ADD COLUMN newer TEXT; CREATE INDEX newer ON workspaces (newer)",
  );
  other.close();
  rows.insert({ ...vm, workspaceId: "vm-2", state: "started" });
  assert.equal(rows.find("vm-2")?.state, "started");
  assert.equal(rows.find("vm-1")?.state, "stopped");
});
