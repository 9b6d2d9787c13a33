import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "../../../src/platform/turns.ts";

test("one at a time, in the order they came", async () => {
  const turns = new Turns();
  const log: string[] = [];
  const work = async (name: string, hold: Promise<void>) => {
    using _turn = await turns.take();
    log.push(`${name} begins`);
    await hold;
    log.push(`${name} ends`);
  };
  const gate = Promise.withResolvers<void>();
  const all = [work("a", gate.promise), work("b", Promise.resolve()), work("c", Promise.resolve())];
  await Promise.resolve();
  gate.resolve();
  await Promise.all(all);
  assert.deepEqual(log, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
});

test("work that fails ends its turn", async () => {
  const turns = new Turns();
  const failing = async () => {
    using _turn = await turns.take();
    throw new RangeError("failed");
  };
  await assert.rejects(failing());
  using _next = await turns.take();
});
