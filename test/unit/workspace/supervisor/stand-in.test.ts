import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { standIn } from "../../../../src/workspace/supervisor/egress/stand-in.ts";

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test("what one end sends before its end is read at the other, which may go on", async () => {
  const { guest, broker } = standIn();
  broker.end("the answer");
  assert.equal(await textOf(guest.iterator({ destroyOnReturn: false })), "the answer");
  guest.end("a late question");
  assert.equal(await textOf(broker), "a late question");
});

test("an end that is over takes nothing of what it sent back, and nothing can be sent to it", async () => {
  const { guest, broker } = standIn();
  broker.end("the answer");
  assert.equal(await textOf(guest.iterator({ destroyOnReturn: false })), "the answer");
  broker.destroy();
  await once(broker, "close");
  assert.equal(guest.destroyed, false);
  guest.write("more");
  await once(guest, "close");
});

test("one end that breaks breaks the other", async () => {
  for (const which of ["guest", "broker"] as const) {
    const ends = standIn();
    const other = which === "guest" ? ends.broker : ends.guest;
    const closed = once(other, "close");
    ends[which].destroy();
    await closed;
  }
});
