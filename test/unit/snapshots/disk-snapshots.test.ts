import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DiskSnapshots } from "../../../src/snapshots/disk-snapshots.ts";
import { scratchDirectory } from "../../support/home.ts";

const diskBytes = 64 * 1024 * 1024;
const mebibyte = 1024 * 1024;

/** A sparse file with `pieces` at their offsets. */
function makeDisk(path: string, pieces: Record<number, Buffer>): void {
  const fd = openSync(path, "w");
  ftruncateSync(fd, diskBytes);
  for (const [offset, data] of Object.entries(pieces))
    writeSync(fd, data, 0, data.length, Number(offset));
  closeSync(fd);
}

function scratch() {
  const directory = scratchDirectory();
  return {
    disk: join(directory, "disk"),
    restored: join(directory, "restored"),
    store: join(directory, "snapshots"),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function chunkNames(store: string): string[] {
  return readdirSync(join(store, "chunks")).sort();
}

test("a disk comes back byte for byte and as sparse as it was", async () => {
  using place = scratch();
  makeDisk(place.disk, {
    0: randomBytes(5000),
    [3 * mebibyte - 100]: randomBytes(mebibyte + 777),
    [diskBytes - 4096]: Buffer.alloc(4096, 7),
  });
  const snapshots = new DiskSnapshots(place.store);
  assert.ok((await snapshots.capture("one", place.disk, diskBytes)) > mebibyte);
  await snapshots.restore("one", place.restored);
  assert.deepEqual(readFileSync(place.restored), readFileSync(place.disk));
  assert.ok(statSync(place.restored).blocks * 512 < 2 * mebibyte);
});

test("an empty disk is a snapshot too", async () => {
  using place = scratch();
  makeDisk(place.disk, {});
  const snapshots = new DiskSnapshots(place.store);
  assert.equal(await snapshots.capture("one", place.disk, diskBytes), 0);
  await snapshots.restore("one", place.restored);
  assert.equal(statSync(place.restored).size, diskBytes);
});

test("what two snapshots have in common is stored once, and goes with the last of them", async () => {
  using place = scratch();
  const common = randomBytes(4 * mebibyte);
  makeDisk(place.disk, { 0: common });
  const snapshots = new DiskSnapshots(place.store);
  await snapshots.capture("one", place.disk, diskBytes);
  const alone = chunkNames(place.store).length;
  makeDisk(place.disk, { 0: common, [32 * mebibyte]: randomBytes(4096) });
  assert.ok((await snapshots.capture("two", place.disk, diskBytes)) < 8192);
  assert.equal(chunkNames(place.store).length, alone + 1);
  await snapshots.remove("one");
  await snapshots.restore("two", place.restored);
  assert.deepEqual(readFileSync(place.restored), readFileSync(place.disk));
  await snapshots.remove("two");
  assert.deepEqual(chunkNames(place.store), []);
});

test("a chunk that was changed, cut short or lost is never restored, and nothing is left of the attempt", async () => {
  const damages: ((path: string) => void)[] = [
    (path) => truncateSync(path, 10),
    (path) => rmSync(path),
    (path) => {
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
  ];
  for (const damage of damages) {
    using place = scratch();
    makeDisk(place.disk, { 0: randomBytes(mebibyte) });
    const snapshots = new DiskSnapshots(place.store);
    await snapshots.capture("one", place.disk, diskBytes);
    const chunk = join(place.store, "chunks", chunkNames(place.store)[0] ?? "");
    chmodSync(chunk, 0o600);
    damage(chunk);
    await assert.rejects(snapshots.restore("one", place.restored), { code: "snapshot_damaged" });
    assert.throws(() => statSync(place.restored), { code: "ENOENT" });
  }
});

test("a list of chunks that was changed is not believed", async () => {
  using place = scratch();
  makeDisk(place.disk, { 0: randomBytes(4096) });
  const snapshots = new DiskSnapshots(place.store);
  await snapshots.capture("one", place.disk, diskBytes);
  const list = join(place.store, "one.image.json");
  chmodSync(list, 0o600);
  writeFileSync(list, readFileSync(list, "utf8").replace('"diskBytes":', '"diskBytes":1'));
  await assert.rejects(snapshots.restore("one", place.restored), { code: "snapshot_damaged" });
  await assert.rejects(snapshots.restore("never", place.restored), { code: "snapshot_damaged" });
});

test("a chunk that no list names is stored again: the host's power may have cut it off", async () => {
  using place = scratch();
  makeDisk(place.disk, { 0: randomBytes(mebibyte) });
  const snapshots = new DiskSnapshots(place.store);
  await snapshots.capture("one", place.disk, diskBytes);
  rmSync(join(place.store, "one.image.json"));
  for (const name of chunkNames(place.store)) {
    rmSync(join(place.store, "chunks", name));
    writeFileSync(join(place.store, "chunks", name), "");
  }
  assert.ok((await snapshots.capture("two", place.disk, diskBytes)) > mebibyte / 2);
  await snapshots.restore("two", place.restored);
  assert.deepEqual(readFileSync(place.restored), readFileSync(place.disk));
});

test("a damaged list keeps nobody from making and removing other snapshots, and loses them no chunk", async () => {
  using place = scratch();
  makeDisk(place.disk, { 0: randomBytes(mebibyte) });
  const snapshots = new DiskSnapshots(place.store);
  for (const name of ["one", "two"]) await snapshots.capture(name, place.disk, diskBytes);
  const list = join(place.store, "one.image.json");
  const sound = readFileSync(list);
  rmSync(list);
  writeFileSync(list, sound.subarray(0, 100));
  await snapshots.capture("three", place.disk, diskBytes);
  await snapshots.remove("two");
  await snapshots.remove("three");
  writeFileSync(list, sound);
  await snapshots.restore("one", place.restored);
  assert.deepEqual(readFileSync(place.restored), readFileSync(place.disk));
});
