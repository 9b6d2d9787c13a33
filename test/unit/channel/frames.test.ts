import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import { FrameDecoder } from "../../../src/channel/frames.ts";
import { PyroError } from "../../../src/model/errors.ts";

function frame(kind: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header[0] = kind;
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

test("frames come out whole however the stream is cut", () => {
  const payloads = Array.from({ length: 50 }, () => randomBytes(randomInt(0, 3000)));
  const stream = Buffer.concat(payloads.map((payload, index) => frame(1 + (index % 3), payload)));
  const decoder = new FrameDecoder();
  const found: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const size = randomInt(1, 700);
    for (const { payload } of decoder.push(stream.subarray(at, at + size)))
      found.push(Buffer.from(payload));
    at += size;
  }
  assert.deepEqual(found, payloads);
  assert.ok(decoder.complete);
});

test("a frame that announces too much is refused before any of it is kept", () => {
  for (const length of [65_537, 0x7fffffff, 0xffffffff]) {
    const header = Buffer.alloc(5);
    header[0] = 1;
    header.writeUInt32BE(length, 1);
    assert.throws(
      () => [...new FrameDecoder().push(header)],
      (error: unknown) => error instanceof PyroError && error.code === "guest_protocol_error",
    );
  }
});

test("a cut frame leaves the decoder incomplete", () => {
  const decoder = new FrameDecoder();
  assert.deepEqual([...decoder.push(frame(1, Buffer.from("hello")).subarray(0, 7))], []);
  assert.equal(decoder.complete, false);
});
