import assert from "node:assert/strict";
import { test } from "node:test";
import { HeadAndTail } from "../../../src/model/head-and-tail.ts";

function feed(bytes: Buffer, { chunk, head, tail }: { chunk: number; head: number; tail: number }) {
  const stream = new HeadAndTail(head, tail);
  const heads: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunk)
    heads.push(Buffer.from(stream.push(bytes.subarray(at, at + chunk))));
  return { head: Buffer.concat(heads), tail: stream.tail(), stream };
}

test("whatever the chunks, head and tail are the first and the last bytes, and the rest is counted", () => {
  for (let length = 0; length < 64; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, index) => index));
    for (const chunk of [1, 2, 3, 7, 64]) {
      const { head, tail, stream } = feed(bytes, { chunk, head: 10, tail: 5 });
      assert.deepEqual(head, bytes.subarray(0, 10));
      assert.deepEqual(tail, bytes.subarray(10).subarray(-5));
      assert.equal(stream.bytes, length);
      assert.equal(stream.droppedBytes, Math.max(0, length - 15));
    }
  }
});

test("a chunk that is changed afterwards does not change the tail", () => {
  const stream = new HeadAndTail(0, 4);
  const chunk = Buffer.from("last");
  stream.push(chunk);
  chunk.fill("x");
  assert.equal(stream.tail().toString(), "last");
});
