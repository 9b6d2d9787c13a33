import assert from "node:assert/strict";
import { test } from "node:test";
import type { GuestShell, OutputRequest } from "../../../../src/channel/shell-client.ts";
import type { ShellEvent } from "../../../../src/channel/shell-output.ts";
import { RawOutput, type RawPiece } from "../../../../src/workspace/screens/raw-output.ts";

/** A shell that wrote all this, of which the part before `first` is kept no more. */
function shellOf(written: string | Buffer, { first = 0, hasEnded = false } = {}) {
  const bytes = Buffer.from(written as string);
  const ending = hasEnded ? { kind: "exited", exitCode: 0 } : undefined;
  return {
    status: { nextPosition: bytes.length, ending } as unknown as GuestShell,
    async *output({ from, max = Infinity }: OutputRequest): AsyncGenerator<ShellEvent> {
      const position = Math.max(from, first);
      yield { kind: "position", position, lostBytes: position - from };
      const end = Math.min(bytes.length, position + max);
      for (let at = position; at < end; at += 3)
        yield { kind: "bytes", bytes: bytes.subarray(at, Math.min(at + 3, end)) };
      yield { kind: "pause" };
    },
  };
}

type Shell = ReturnType<typeof shellOf>;

/** Reads a shell as it is at one moment after the other. */
async function read(
  shells: readonly Shell[],
  asked: { cursor?: number; maxChars?: number; text?: string },
) {
  let shell: Shell | undefined;
  const requests: OutputRequest[] = [];
  const source = {
    status: async () => (shell as Shell).status,
    output: (request: OutputRequest) => {
      requests.push(request);
      return (shell as Shell).output(request);
    },
    changed: async () => false,
  };
  const question = { cursor: 0, maxChars: 1000, ...asked };
  const output = new RawOutput(source, question as ConstructorParameters<typeof RawOutput>[1]);
  for (shell of shells) await output.takeUpTo(shell.status);
  return { ...output.piece(), isFound: output.isFound, requests };
}

const said = ({ output, nextCursor, droppedBytes }: RawPiece) => [output, nextCursor, droppedBytes];

test("raw output is read from the cursor on, at most as much as is wanted, in one request", async () => {
  assert.deepEqual(said(await read([shellOf("hello world")], {})), ["hello world", 11, 0]);
  const piece = await read([shellOf("hello world")], { cursor: 2, maxChars: 5 });
  assert.deepEqual(said(piece), ["llo w", 7, 0]);
  assert.deepEqual(piece.requests, [{ from: 2, max: 5 }]);
  const again = await read([shellOf("hello")], { cursor: 5 });
  assert.deepEqual([said(again), again.requests], [["", 5, 0], []]);
});

test("what comes while a reader waits is read as well, and nothing twice", async () => {
  const moments = ["one", "one two", "one two"].map((text) => shellOf(text));
  const { requests, ...piece } = await read(moments, {});
  assert.deepEqual(said(piece), ["one two", 7, 0]);
  assert.deepEqual(
    requests.map(({ from }) => from),
    [0, 3],
  );
});

test("a text is found wherever it is cut, also beyond what is answered", async () => {
  const wanted = { text: "needle", maxChars: 4 };
  const moments = ["hay nee", "hay needl", "hay needle"].map((text) => shellOf(text));
  for (const [count, isFound] of [
    [1, false],
    [2, false],
    [3, true],
  ] as const) {
    const piece = await read(moments.slice(0, count), wanted);
    assert.deepEqual([piece.isFound, ...said(piece)], [isFound, "hay ", 4, 0]);
  }
});

test("what was lost before the first byte is counted, and a hole later ends the piece", async () => {
  const late = await read([shellOf("0123456789", { first: 4 })], { cursor: 1 });
  assert.deepEqual([said(late), late.truncated], [["456789", 10, 3], true]);
  const holed = [shellOf("0123"), shellOf("0123456789", { first: 6 })];
  assert.deepEqual(said(await read(holed, {})), ["0123", 4, 0]);
});

test("half a character is left for the next reader, unless none can complete it", async () => {
  const half = Buffer.from("aä").subarray(0, 2);
  assert.deepEqual(said(await read([shellOf(half)], {})), ["a", 1, 0]);
  const ended = await read([shellOf(half), shellOf(half, { hasEnded: true })], {});
  assert.deepEqual([ended.outputBase64, ended.nextCursor], [half.toString("base64"), 2]);
});
