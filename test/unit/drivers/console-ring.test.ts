import assert from "node:assert/strict";
import { test } from "node:test";
import { ConsoleRing } from "../../../src/drivers/console-ring.ts";

test("the end of a stream is kept, and never more than the capacity", () => {
  const ring = new ConsoleRing(100);
  let all = "";
  for (let index = 0; index < 1_000; index++) {
    const line = `line ${index}\n`;
    all += line;
    ring.push(Buffer.from(line));
    assert.equal(ring.tail(), all.slice(-100));
  }
});

test("a chunk larger than the capacity leaves its end", () => {
  const ring = new ConsoleRing(10);
  ring.push(Buffer.from("0123456789abcdef"));
  ring.push(Buffer.from("ghijklmnopqrstuvwxyz".repeat(10)));
  assert.equal(ring.tail(), "qrstuvwxyz");
});

test("an empty stream has an empty tail", () => {
  assert.equal(new ConsoleRing().tail(), "");
});
