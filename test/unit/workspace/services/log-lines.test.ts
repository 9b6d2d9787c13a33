import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogPiece } from "../../../../src/channel/service-client.ts";
import { LogLines } from "../../../../src/workspace/services/log-lines.ts";

const piece = (stream: "stdout" | "stderr", text: string, atMs = 0): LogPiece => ({
  stream,
  atMs,
  bytes: Buffer.from(text),
});

async function linesOf(pieces: readonly LogPiece[]): Promise<{ lines: string[]; dropped: number }> {
  const told: string[] = [];
  const lines = new LogLines(({ at, stream, text }) => {
    told.push(`${at.getTime()} ${stream} ${text.toString()}`);
  });
  for (const one of pieces) await lines.push(one);
  await lines.finish();
  return { lines: told, dropped: lines.droppedBytes };
}

test("each stream has lines of its own, in the order in which they ended", async () => {
  const { lines, dropped } = await linesOf([
    piece("stdout", "one\ntw", 1),
    piece("stderr", "oops\n\n", 2),
    { stream: "dropped", atMs: 3, byteCount: 5 },
    piece("stdout", "o\nlast", 4),
  ]);
  assert.deepEqual(lines, [
    "1 stdout one",
    "2 stderr oops",
    "2 stderr ",
    "1 stdout two",
    "4 stdout last",
  ]);
  assert.equal(dropped, 5);
});

test("a line without an end is told in pieces", async () => {
  const { lines } = await linesOf(
    Array.from({ length: 5 }, () => piece("stdout", "x".repeat(32_768))),
  );
  assert.deepEqual(
    lines.map((line) => line.length - "0 stdout ".length),
    [65_536, 65_536, 32_768],
  );
});
