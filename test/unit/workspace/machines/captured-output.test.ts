import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../../../src/index.ts";
import { CapturedOutput } from "../../../../src/workspace/machines/captured-output.ts";

const max = limits.capturedOutputBytesMax;

test("text is text, however it was cut into chunks", () => {
  const output = new CapturedOutput();
  for (const byte of Buffer.from("häß€😀\n")) output.push(Buffer.from([byte]));
  assert.deepEqual(output.finish(), { text: "häß€😀\n", base64: null, truncated: false });
});

test("what is not UTF-8 comes back byte for byte", () => {
  for (let round = 0; round < 1_000; round++) {
    const bytes = Buffer.from(
      Array.from({ length: round % 40 }, (_, index) => (round * 31 + index * 97) % 256),
    );
    const output = new CapturedOutput();
    output.push(bytes);
    const { text, base64 } = output.finish();
    assert.deepEqual(base64 === null ? Buffer.from(text) : Buffer.from(base64, "base64"), bytes);
  }
});

test("the beginning and the end are kept up to the limit, and what is missing between is said", () => {
  const output = new CapturedOutput();
  output.push(Buffer.alloc(max - 1, "a"));
  output.push(Buffer.from("b"));
  assert.equal(output.finish().truncated, false);
  output.push(Buffer.from("c"));
  const { text, truncated } = output.finish();
  assert.equal(truncated, true);
  assert.ok(text.startsWith("aaaa") && text.endsWith("abc"));
  assert.equal(text.match(/\n\[pyro: (\d+) bytes left out here\]\n/)?.[1], "1");
  assert.equal(text.replace(/\n\[pyro: .*\]\n/, "").length, max);
});

test("a chunk that was changed after it was pushed is kept as it was", () => {
  const chunk = Buffer.from("before");
  const output = new CapturedOutput();
  output.push(chunk);
  chunk.fill("x");
  assert.equal(output.finish().text, "before");
});
