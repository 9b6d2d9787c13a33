import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, beforeEach, describe, it } from "node:test";
import { Pyro, type WorkspaceList } from "../../src/index.ts";
import { migrations } from "../../src/registry/migrations.ts";
import { PyroHome, repository } from "../support/home.ts";
import { assertSoundRegistry } from "../support/oracle.ts";
import { refusal } from "../support/workspaces.ts";

const vmCount = 40;

describe("a registry of another version, or of none", () => {
  let home: PyroHome;
  let path = "";
  before(() => {
    home = PyroHome.empty();
    path = join(home.stateDirectory, "registry.sqlite");
  });
  beforeEach(() => {
    rmSync(home.stateDirectory, { recursive: true, force: true });
    mkdirSync(home.stateDirectory, { mode: 0o700 });
  });
  after(() => home.dispose());

  const open = (file = path) => new DatabaseSync(file, { timeout: 10_000 });
  /** As the first released version left it, with VMs that must not be lost. */
  const makeOld = () => {
    const database = open();
    database.exec(`PRAGMA journal_mode = WAL; ${migrations[0]}; PRAGMA user_version = 1`);
    const insert = database.prepare(
      `INSERT INTO vms (vm_id, environment, state, vcpu_count, mem_mib, created_at, expires_at)
       VALUES (?, 'debian:12', 'created', 1, 1024, ?, ?)`,
    );
    const later = new Date(Date.now() + 600_000).toISOString();
    for (let index = 0; index < vmCount; index++) insert.run(`vm-${index}`, later, later);
    database.close();
  };
  const vmsIn = (file: string, where = "workspaces WHERE workspace_id LIKE 'vm-%'") => {
    const database = open(file);
    const row = database.prepare(`SELECT count(*) AS count FROM ${where}`).get();
    database.close();
    return row?.count;
  };
  const listElsewhere = () => {
    const program = join(repository, "test", "support", "pyro-vm.ts");
    const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
    return home.startProgram([...node, program, "listWorkspaces"]);
  };
  const listHere = async () => {
    const { cacheDirectory, stateDirectory } = home;
    using pyro = new Pyro({ cacheDirectory, stateDirectory });
    return await pyro.listWorkspaces();
  };

  it("is migrated once by eight processes at once, with a copy of what was there", async () => {
    makeOld();
    const ended = await Promise.all(Array.from({ length: 8 }, () => listElsewhere().ended));
    for (const { stdout, stderr } of ended)
      assert.deepEqual(JSON.parse(stdout || stderr) as { result: WorkspaceList }, {
        result: { workspaces: [] },
      });
    assert.equal(vmsIn(path), vmCount);
    assert.equal(vmsIn(`${path}.v1.backup`, "vms"), vmCount);
    assertSoundRegistry(home.stateDirectory);
  });

  it("loses nothing when the processes that migrate it are killed", async () => {
    for (let round = 0; round < 3; round++) {
      rmSync(home.stateDirectory, { recursive: true });
      mkdirSync(home.stateDirectory, { mode: 0o700 });
      makeOld();
      const started = Array.from({ length: 6 }, listElsewhere);
      await Promise.all(
        started.map(async (one) => {
          const killed = setTimeout(() => one.signal("SIGKILL"), 100 + Math.random() * 400);
          await one.ended;
          clearTimeout(killed);
        }),
      );
      assert.deepEqual(await listHere(), { workspaces: [] });
      assert.equal(vmsIn(path), vmCount);
      const [backup, ...others] = readdirSync(home.stateDirectory).filter((name) =>
        name.endsWith(".backup"),
      );
      assert.deepEqual([backup, others], ["registry.sqlite.v1.backup", []]);
      assert.equal(vmsIn(`${path}.v1.backup`, "vms"), vmCount);
      assertSoundRegistry(home.stateDirectory);
    }
  });

  it("is refused when it is newer, and not written to", async () => {
    const database = open();
    database.exec("CREATE TABLE later (a)");
    database.exec(`PRAGMA user_version = ${migrations.length + 1}`);
    database.close();
    const before = readFileSync(path);
    const error = await refusal(listHere());
    assert.equal(error.code, "registry_schema_too_new");
    assert.match(error.hint ?? "", /newer pyro/);
    assert.deepEqual(readFileSync(path), before);
    assert.deepEqual(
      readdirSync(home.stateDirectory).filter((name) => name.includes("backup")),
      [],
    );
  });

  for (const [what, content] of [
    ["no database", Buffer.from("this is no database, whatever its name says\n".repeat(100))],
    ["a damaged database", undefined],
  ] as const)
    it(`is named when it is ${what}, and left as it is`, async () => {
      if (content) writeFileSync(path, content);
      else {
        makeOld();
        const bytes = readFileSync(path);
        writeFileSync(path, bytes.fill(0xa5, 100, 4096));
        rmSync(`${path}-wal`, { force: true });
      }
      const before = readFileSync(path);
      const error = await refusal(listHere());
      assert.equal(error.code, "registry_damaged");
      assert.match(error.hint ?? "", /Move it away/);
      assert.deepEqual(readFileSync(path), before);
    });
});
