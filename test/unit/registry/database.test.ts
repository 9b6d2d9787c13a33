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
import { type VmRow, VmTable } from "../../../src/registry/vms.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "pyro-registry-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const vm: VmRow = {
  vmId: "vm-1",
  environment: "debian:12",
  state: "created",
  vcpuCount: 1,
  memMib: 1024,
  cpu: "v2",
  createdAt: "2026-01-01T00:00:00.000Z",
  expiresAt: "2026-01-01T00:10:00.000Z",
  driver: null,
  executionMode: null,
  isolation: null,
  failure: null,
  process: null,
};

test("a VM is remembered, changed only from the states named, and forgotten once", () => {
  using registry = Registry.open(state);
  const vms = new VmTable(registry);
  vms.insert(vm);
  assert.deepEqual(vms.find("vm-1"), vm);
  const process = { pid: 7, startTicks: "8", bootId: "9" };
  assert.equal(vms.transition("vm-1", { from: ["started"], to: "stopped" }), false);
  assert.equal(
    vms.transition("vm-1", {
      from: ["created"],
      to: "started",
      change: { driver: "qemu", process },
    }),
    true,
  );
  assert.deepEqual(vms.find("vm-1"), { ...vm, state: "started", driver: "qemu", process });
  assert.deepEqual(vms.expiredAt("2026-01-01T00:09:59.000Z"), []);
  assert.equal(vms.expiredAt("2026-01-01T00:10:00.000Z").length, 1);
  assert.equal(vms.remove("vm-1"), true);
  assert.equal(vms.remove("vm-1"), false);
});

test("a VM of a registry that knew one CPU only has that", () => {
  {
    using registry = Registry.open(state);
    new VmTable(registry).insert({ ...vm, cpu: "v3" });
  }
  const raw = new DatabaseSync(join(state, "registry.sqlite"));
  raw.exec("ALTER TABLE vms DROP COLUMN cpu; ALTER TABLE workspaces DROP COLUMN cpu");
  raw.exec(`PRAGMA user_version = ${migrations.findIndex((one) => one.includes("COLUMN cpu"))}`);
  raw.close();
  using registry = Registry.open(state);
  assert.deepEqual(new VmTable(registry).find("vm-1"), vm);
});

test("a registry that a newer pyro migrates meanwhile takes no more from an older one, but what it looks after still", () => {
  using older = Registry.open(state);
  using supervisor = Registry.open(state, { outlivesMigrations: true });
  const raw = new DatabaseSync(join(state, "registry.sqlite"));
  raw.exec("PRAGMA user_version = 999");
  raw.close();
  const insert = (registry: Registry, vmId: string) =>
    new VmTable(registry).insert({ ...vm, vmId });
  assert.throws(() => insert(older, "vm-1"), { code: "registry_schema_too_new" });
  insert(supervisor, "vm-2");
  assert.equal(new VmTable(supervisor).find("vm-1"), undefined);
  assert.notEqual(new VmTable(supervisor).find("vm-2"), undefined);
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
    const { VmTable } = await import("${base}vms.ts");
    for (let round = 0; round < 25; round++) {
      using registry = Registry.open(${JSON.stringify(state)});
      new VmTable(registry).insert({ ...${JSON.stringify(vm)}, vmId: \`\${process.pid}-\${round}\` });
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
  assert.equal(new VmTable(registry).list().length, 200);
  assert.deepEqual(
    registry.all("PRAGMA integrity_check"),
    [{ integrity_check: "ok" }].map((row) => Object.assign(Object.create(null), row)),
  );
});
