import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { diskBytes, ensureBlankDisk } from "../../../src/environments/blank-disk.ts";
import { captureDisk } from "../../../src/environments/capture-disk.ts";
import { ImageStore, type InstalledImage, imageId } from "../../../src/environments/store.ts";
import { type TemplateKeyParts, TemplateStore } from "../../../src/environments/templates.ts";

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "pyro-stores-"));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const parts: TemplateKeyParts = {
  imageId: "a".repeat(64),
  bootDigest: "b",
  driverFingerprint: "c",
  protocol: 1,
  vcpuCount: 1,
  memMib: 1024,
  blankDiskVersion: 1,
  disk: "new",
};

async function publishTemplate(store: TemplateStore): Promise<void> {
  await using draft = await store.draft(parts);
  await writeFile(draft.memoryPath, "memory");
  await writeFile(draft.statePath, "state");
  await writeFile(draft.diskContentPath, "disk");
  await draft.publish();
}

test("a template is found by everything it depends on, and by nothing less", async () => {
  const store = new TemplateStore(cache);
  await publishTemplate(store);
  assert.ok(await store.find(parts));
  for (const change of [
    { memMib: 512 },
    { vcpuCount: 2 },
    { bootDigest: "x" },
    { driverFingerprint: "x" },
    { imageId: "x" },
    { protocol: 2 },
    { disk: "existing" },
  ] as const) {
    assert.equal(await store.find({ ...parts, ...change }), undefined, JSON.stringify(change));
  }
});

/** Waits until the file system's clock, which moves in steps, has moved on from `ctimeMs`. */
async function nextTick(ctimeMs: number): Promise<void> {
  const probe = join(cache, "probe");
  do await writeFile(probe, "");
  while ((await stat(probe)).ctimeMs <= ctimeMs);
}

for (const file of ["memoryPath", "statePath", "diskContentPath"] as const) {
  test(`a template whose ${file} was written to is removed, even when its times were set back`, async () => {
    const store = new TemplateStore(cache);
    await publishTemplate(store);
    const path = (await store.find(parts))?.[file] ?? "";
    const before = await stat(path);
    await nextTick(before.ctimeMs);
    const fd = openSync(path, "r+");
    writeSync(fd, "X", 0);
    closeSync(fd);
    await utimes(path, before.atime, before.mtime);
    assert.equal(await store.find(parts), undefined);
    assert.deepEqual(
      (await readdir(join(cache, "templates"))).filter((name) => !name.endsWith(".lock")),
      [],
    );
  });
}

test("an unfinished draft leaves nothing, and a sweep takes those of the dead only", async () => {
  const store = new TemplateStore(cache);
  await using living = await store.draft(parts);
  await mkdir(join(cache, "templates", "deadbeef.00000000-1-1.partial"));
  assert.equal(await store.sweep(() => true), 1);
  assert.ok(await stat(living.memoryPath.replace(/\/memory$/, "")));
  {
    await using draft = await store.draft(parts);
    await writeFile(draft.memoryPath, "half");
  }
  assert.equal((await readdir(join(cache, "templates"))).length, 1);
});

test("an image is visible only once it is published, under its environment's name", async () => {
  const store = new ImageStore(cache);
  const environment = "127.0.0.1:5000/team/app:1.0";
  const image: InstalledImage = {
    id: imageId(["x"]),
    environment,
    source: { kind: "debian", suite: "bookworm" },
    config: {
      env: [],
      workingDirectory: undefined,
      user: undefined,
      entrypoint: undefined,
      command: undefined,
    },
    createdAt: "2026-01-01T00:00:00.000Z",
    entryCount: 1,
    usedBytes: 1,
  };
  {
    await using draft = await store.draft();
    await writeFile(draft.diskPath, "disk");
    assert.equal(await store.find(environment), undefined);
    await draft.publish(image);
  }
  assert.equal((await store.find(environment))?.id, image.id);
  assert.deepEqual(
    (await store.list()).map((one) => one.environment),
    [environment],
  );
  await store.remove(environment);
  assert.equal(await store.find(environment), undefined);
  assert.deepEqual(await store.sweep(), [image.id]);
});

test("a blank disk is a clean ext4 file system in a sparse file, and is captured as it was", async () => {
  const blank = await ensureBlankDisk(cache);
  const path = join(cache, "disk");
  closeSync(blank.createAt(path));
  const { size, blocks } = await stat(path);
  assert.equal(size, diskBytes);
  assert.ok(blocks * 512 < 4 << 20, `${blocks * 512} bytes on the host`);
  execFileSync("e2fsck", ["-f", "-n", path], {
    env: { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" },
    stdio: "pipe",
  });
  assert.ok((await captureDisk(path, diskBytes)).encode().equals(blank.encode()));
  assert.ok((await ensureBlankDisk(cache)).encode().equals(blank.encode()));
});
