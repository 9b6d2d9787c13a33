import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readSparseFile } from "../../../src/platform/sparse-file.ts";
import { scratchDirectory } from "../../support/home.ts";

test("the data of a sparse file comes at its places, whatever the holes", async () => {
  const directory = scratchDirectory();
  try {
    // Many ranges make a map that is longer than one block of the archive.
    for (const rangeCount of [0, 1, 3, 300]) {
      const path = join(directory, String(rangeCount));
      const fd = openSync(path, "w");
      ftruncateSync(fd, 64 * 1024 * 1024);
      const written = new Map<number, string>();
      for (let index = 0; index < rangeCount; index++) {
        const text = `range ${index}`.padEnd(4096, "x");
        writeSync(fd, text, index * 131_072);
        written.set(index * 131_072, text);
      }
      closeSync(fd);
      const whole = Buffer.alloc(64 * 1024 * 1024);
      let bytes = 0;
      for await (const { offset, data } of readSparseFile(path)) {
        whole.set(data, offset);
        bytes += data.length;
      }
      for (const [offset, text] of written)
        assert.equal(whole.toString("latin1", offset, offset + text.length), text);
      assert.ok(bytes <= rangeCount * 8192 + 4096, `${bytes} bytes for ${rangeCount} ranges`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a file without holes is read whole", async () => {
  const directory = scratchDirectory();
  const bytes = randomBytes(100_000);
  writeFileSync(join(directory, "dense"), bytes);
  const pieces: Buffer[] = [];
  for await (const { offset, data } of readSparseFile(join(directory, "dense"))) {
    assert.equal(offset, Buffer.concat(pieces).length);
    pieces.push(Buffer.from(data));
  }
  assert.deepEqual(Buffer.concat(pieces), bytes);
  rmSync(directory, { recursive: true });
});
