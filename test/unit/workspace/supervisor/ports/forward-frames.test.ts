import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame } from "../../../../../src/channel/frames.ts";
import {
  ForwardDecoder,
  forwardKind,
} from "../../../../../src/workspace/supervisor/ports/forward-frames.ts";

const credit = (bytes: number) => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return encodeFrame(forwardKind.credit, payload);
};
const data = (text: string) => encodeFrame(forwardKind.data, Buffer.from(text));
const end = encodeFrame(forwardKind.end, Buffer.alloc(0));

/** What comes out, the data joined. */
function decode(chunks: readonly Buffer[]): { text: string; credits: number[]; hasEnded: boolean } {
  const decoder = new ForwardDecoder();
  const result = { text: "", credits: [] as number[], hasEnded: false };
  for (const chunk of chunks)
    for (const frame of decoder.push(chunk)) {
      if (frame.kind === "data") result.text += frame.payload.toString();
      else if (frame.kind === "credit") result.credits.push(frame.byteCount);
      else result.hasEnded = true;
    }
  return result;
}

const stream = Buffer.concat([data("hello "), credit(7), data("world"), end, credit(70_000)]);
const whole = { text: "hello world", credits: [7, 70_000], hasEnded: true };

test("frames are read however they are cut", () => {
  assert.deepEqual(decode([stream]), whole);
  assert.deepEqual(decode([...stream].map((byte) => Buffer.from([byte]))), whole);
  for (let at = 1; at < stream.length; at++)
    assert.deepEqual(decode([stream.subarray(0, at), stream.subarray(at)]), whole);
});

for (const [what, bytes] of [
  ["data without bytes", encodeFrame(forwardKind.data, Buffer.alloc(0))],
  ["data that is too long", Buffer.from([1, 0, 1, 0, 1])],
  ["a credit of another size", encodeFrame(forwardKind.credit, Buffer.alloc(3))],
  ["an end with bytes", encodeFrame(forwardKind.end, Buffer.from("x"))],
  ["data after the end", Buffer.concat([end, data("x")])],
  ["a second end", Buffer.concat([end, end])],
  ["another kind", encodeFrame(9, Buffer.from("x"))],
] as const)
  test(`${what} is no frame of ours`, () => {
    assert.throws(() => decode([bytes]), { code: "guest_protocol_error" });
  });
