import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TreeItem } from "../../../src/model/tree.ts";
import { Baseline, emptyBaseline } from "../../../src/trees/baseline.ts";
import { BaselineWriter } from "../../../src/trees/baseline-writer.ts";
import {
  collect,
  directory,
  entry,
  file,
  from,
  hardlink,
  randomFrom,
  refusal,
  refusalIfAny,
  symlink,
  temporaryDirectory,
} from "./support.ts";

const big = randomBytes(3_500_000);
const items = (): TreeItem[] => [
  directory(""),
  directory("d", 0o700),
  file("d/a", "hello"),
  file("d/same", "hello"),
  file("d/empty"),
  file("d/sparse", [Buffer.from("a"), { holeBytes: 5_000_000 }, Buffer.from("b")]),
  file("big", [big.subarray(0, 1_234_567), big.subarray(1_234_567)]),
  hardlink("hard", "big"),
  symlink("link", "d/a"),
  {
    entry: entry("", {
      path: "\xff",
      type: "directory",
      xattrs: new Map([["user.x", Buffer.from([0])]]),
    }),
  },
];

async function record(t: TestContext, tree: TreeItem[]) {
  const path = await temporaryDirectory(t);
  const writer = await BaselineWriter.create(path);
  const passed = await collect(writer.record(from(tree)));
  await writer.finish();
  return { path, passed };
}

test("what passes through is what came, and is there when it is opened again", async (t) => {
  const { path, passed } = await record(t, items());
  const sent = await collect(from(items()));
  assert.deepEqual(passed, sent);
  const baseline = await Baseline.open(path);
  assert.equal(baseline.entryCount, sent.length);
  assert.equal(baseline.bytes, 5 + 5 + 5_000_002 + big.length);
  for (const { entry: original, content } of sent) {
    const stored = baseline.entries.get(original.path);
    assert.ok(stored);
    const { offset: _, digest, ...rest } = stored;
    assert.deepEqual({ ...rest, digest: null }, original);
    assert.equal(digest === null, original.type !== "file");
    if (content !== undefined)
      assert.ok((await baseline.read(stored)).equals(content), original.path);
  }
  assert.ok((await baseline.read(baseline.entries.get("hard") ?? assert.fail())).equals(big));
});

test("the same content is stored once", async (t) => {
  const content = randomBytes(500_000);
  const copies = Array.from({ length: 20 }, (_, index) => file(`f${index}`, [content]));
  const { path } = await record(t, copies);
  assert.ok((await stat(join(path, "content.pack"))).size < 600_000);
});

test("a receiver that leaves content unread does not make the baseline incomplete", async (t) => {
  const path = await temporaryDirectory(t);
  const writer = await BaselineWriter.create(path);
  for await (const item of writer.record(from(items())))
    if (item.entry.path === "big") for await (const _ of item.content ?? []) break;
  await writer.finish();
  const baseline = await Baseline.open(path);
  assert.ok((await baseline.read(baseline.entries.get("big") ?? assert.fail())).equals(big));
});

test("only as much as was asked for is read at once", async (t) => {
  const baseline = await Baseline.open((await record(t, items())).path);
  const entryOfBig = baseline.entries.get("big") ?? assert.fail();
  await refusal(baseline.read(entryOfBig, big.length - 1), "invalid_argument");
  await refusal(baseline.read(baseline.entries.get("d") ?? assert.fail()), "invalid_argument");
  const pieces = await Array.fromAsync(baseline.stream(entryOfBig));
  assert.ok(pieces.length >= 4 && Buffer.concat(pieces).equals(big));
});

test("without finish there is no baseline", async (t) => {
  const path = await temporaryDirectory(t);
  const writer = await BaselineWriter.create(path);
  await collect(writer.record(from(items())));
  await writer.abandon();
  await refusal(Baseline.open(path), "snapshot_damaged");
});

test("the empty baseline has nothing", () => {
  assert.equal(emptyBaseline().entryCount, 0);
  assert.equal(emptyBaseline().bytes, 0);
});

test("an empty tree can be recorded", async (t) => {
  assert.equal((await Baseline.open((await record(t, [])).path)).entryCount, 0);
});

async function readAll(path: string): Promise<Buffer[]> {
  const baseline = await Baseline.open(path);
  const contents: Buffer[] = [];
  for (const stored of baseline.entries.values())
    if (stored.type === "file") contents.push(await baseline.read(stored));
  return contents;
}

test("damage anywhere is found: every flipped byte gives the right content or snapshot_damaged", async (t) => {
  const { path } = await record(t, items());
  const right = await readAll(path);
  const random = randomFrom(5);
  let found = 0;
  for (const name of ["manifest.zst", "content.pack"]) {
    const good = await readFile(join(path, name));
    for (let round = 0; round < 60; round++) {
      const bad = Buffer.from(good);
      const at = random(bad.length);
      bad[at] = (bad[at] ?? 0) ^ (1 << random(8));
      await writeFile(join(path, name), round % 10 === 9 ? bad.subarray(0, at) : bad);
      const reading = readAll(path);
      if ((await refusalIfAny(reading, "snapshot_damaged")) !== undefined) found++;
      else assert.deepEqual(await reading, right);
    }
    await writeFile(join(path, name), good);
  }
  assert.ok(found > 100, `${found} of 120`);
});

test("a baseline of 100,000 entries opens within a second or so", async (t) => {
  const many = Array.from({ length: 100_000 }, (_, index) => file(`f${index}`, `${index % 100}`));
  const { path } = await record(t, many);
  const started = performance.now();
  assert.equal((await Baseline.open(path)).entryCount, 100_000);
  assert.ok(performance.now() - started < 3000, `${performance.now() - started} ms`);
});
