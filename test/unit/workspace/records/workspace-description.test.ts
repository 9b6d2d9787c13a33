import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import {
  closedEgressPolicy,
  defaultEgressPolicy,
  type EgressPolicy,
} from "../../../../src/model/egress.ts";
import { newRow } from "../../../../src/workspace/life/new-workspace.ts";
import {
  describeOnDisk,
  readDescription,
} from "../../../../src/workspace/records/workspace-description.ts";
import { workspaceFiles } from "../../../../src/workspace/records/workspace-files.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "pyro-description-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const size = { environment: "debian:12", vcpuCount: 1, memMib: 1024, cpu: undefined };

/** The files of one of that id, whose directory is there. */
function filesOf(id: string): ReturnType<typeof workspaceFiles> {
  const files = workspaceFiles(state, id);
  mkdirSync(files.directory, { recursive: true });
  return files;
}

for (const kind of ["workspace", "vm"] as const)
  test(`a ${kind} is read as it was described, in a directory and a file of its kind`, async () => {
    const row = newRow(kind, { ...size, lifeMs: 60_000 });
    const files = filesOf(row.workspaceId);
    assert.equal(files.descriptionPath, join(state, `${kind}s`, row.workspaceId, `${kind}.json`));
    const known = { row, snapshots: [], services: [], ports: [] };
    describeOnDisk(files, known);
    assert.deepEqual(await readDescription(files, row.workspaceId), known);
  });

test("a project's rules are read as they were described, and a description without them lets nothing out", async () => {
  const row = newRow("workspace", size);
  const files = filesOf(row.workspaceId);
  const described = async (project: unknown) => {
    const egress = { ...defaultEgressPolicy, project } as EgressPolicy;
    const known = { row: { ...row, egress }, snapshots: [], services: [], ports: [] };
    describeOnDisk(files, known);
    return (await readDescription(files, row.workspaceId))?.row.egress;
  };
  for (const project of [null, { only: ["registries"], deny: [] }, { only: null, deny: ["a.b"] }])
    assert.deepEqual((await described(project))?.project, project);
  assert.deepEqual(await described(undefined), defaultEgressPolicy);
  for (const project of [3, {}, { only: [] }, { only: ["a b"], deny: [] }, { only: 1, deny: [] }])
    assert.deepEqual(await described(project), closedEgressPolicy, JSON.stringify(project));
});

test("a workspace may live until it is deleted, and what says so of a VM is not believed", async () => {
  const described = async (id: string) => {
    const files = filesOf(id);
    writeFileSync(files.descriptionPath, JSON.stringify({ version: 1, environment: "debian:12" }));
    return await readDescription(files, id);
  };
  assert.equal((await described("ws-000000000001"))?.row.expiresAt, null);
  assert.equal(await described("vm-000000000001"), undefined);
});
