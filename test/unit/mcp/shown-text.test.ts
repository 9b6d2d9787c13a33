import assert from "node:assert/strict";
import { test } from "node:test";
import { bulkAnswer, fenced } from "../../../src/mcp/answers/bulk-answer.ts";
import { excerptOf, OutputCollector } from "../../../src/mcp/answers/output-collector.ts";
import { countLines, shown, takeHead, takeTail } from "../../../src/mcp/answers/shown-text.ts";
import { lastFrames } from "../../../src/model/last-frames.ts";

const bytes = (text: string) => Buffer.from(text);

test("pieces end at line ends and stand for exactly their bytes", () => {
  const text = bytes("one\ntwé\nthree\nfour");
  assert.deepEqual(takeHead(text, 9, "content"), { text: "one\ntwé\n", byteCount: 9 });
  assert.deepEqual(takeTail(text, 11, "content"), { text: "three\nfour", byteCount: 10 });
  assert.deepEqual(takeHead(text, 100, "content"), {
    text: "one\ntwé\nthree\nfour",
    byteCount: 19,
  });
  assert.deepEqual(takeTail(bytes("\n\n\n"), 2, "content"), { text: "\n\n", byteCount: 2 });
  assert.deepEqual(takeHead(bytes(""), 5, "content"), { text: "", byteCount: 0 });
});

test("a line that is too long is cut between characters", () => {
  const text = bytes("é".repeat(100));
  for (let room = 9; room < 40; room++)
    for (const { text: piece, byteCount } of [
      takeHead(text, room, "content"),
      takeTail(text, room, "content"),
    ]) {
      assert.match(piece, /^é+$/);
      assert.equal(Buffer.byteLength(piece), byteCount);
      assert.ok(piece.length <= room);
    }
});

test("bytes that are no text are shown in the room there is", () => {
  const noise = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 256));
  const zeros = Buffer.alloc(100_000);
  for (const given of [noise, zeros, Buffer.alloc(999, 0x80), Buffer.alloc(999, 0xff)])
    for (const room of [12, 100, 1000]) {
      const [head, tail] = [takeHead(given, room, "content"), takeTail(given, room, "content")];
      assert.ok(head.text.length <= room && tail.text.length <= room, `${room}`);
      assert.ok(head.byteCount > 0 && tail.byteCount > 0);
    }
});

test("controls are visible, line ends plain", () => {
  assert.equal(shown(bytes("a\r\nb\u001b[1m\tc\n"), "content"), "a\nb\\x1b[1m\tc\n");
  assert.equal(countLines(bytes("a\nb")), 2);
  assert.equal(countLines(bytes("a\n")), 1);
  assert.equal(countLines(bytes("")), 0);
});

test("of a line that was drawn over and over, its last frame is shown, in output only", () => {
  const frames = Array.from({ length: 20_000 }, (_, index) => `fetched ${index} of 20000 `);
  const progress = bytes(`begin\n${frames.join("\r")}\nend\n`);
  const seen = "begin\nfetched 19999 of 20000 \nend\n";
  for (const piece of [takeHead(progress, 200, "output"), takeTail(progress, 200, "output")])
    assert.deepEqual(piece, { text: seen, byteCount: progress.length });
  const { text } = bulkAnswer({
    header: (lines) => lines,
    excerpt: excerptOf(progress, "output"),
    restOf: () => "never",
    facts: {},
  });
  assert.match(
    text,
    /^3 lines\n<untrusted \w+>\nbegin\nfetched 19999 of 20000 \nend\n<\/untrusted/,
  );
  assert.equal(takeHead(bytes("safe\revil"), 99, "content").text, "safe\\x0devil");
});

test("the last frame of each line is that which shows something", () => {
  const cases = [
    ["10%\r50%\r100%\n", "100%\n"],
    ["50%\r", "50%"],
    ["\r10%\r\u001b[K20%\r\u001b[2K\r\n", "20%\n"],
    ["a\r\nb\r\r\nc", "a\nb\nc"],
    ["\u001b[Kkept\n", "\u001b[Kkept\n"],
    ["\r", ""],
    ["", ""],
  ] as const;
  for (const [output, seen] of cases) assert.equal(lastFrames(output), seen);
});

test("a collector keeps beginning and end of whatever comes, in whatever pieces", () => {
  const text = Buffer.from(Array.from({ length: 5000 }, (_, index) => `${index}\n`).join(""));
  for (const size of [1, 3, 100, 1024, 10_000, text.length]) {
    const collector = new OutputCollector(1000);
    for (let at = 0; at < text.length; at += size) collector.push(text.subarray(at, at + size));
    const { head, tail, gapBytes, byteCount, lineCount } = collector.excerpt();
    assert.deepEqual([byteCount, lineCount], [text.length, 5000]);
    assert.ok(head.equals(text.subarray(0, 1000)) && tail.equals(text.subarray(-1000)), `${size}`);
    assert.equal(gapBytes, text.length - 2000);
  }
  const small = new OutputCollector(1000);
  small.push(text.subarray(0, 1500));
  assert.ok(small.excerpt().head.equals(text.subarray(0, 1500)));
  assert.equal(small.excerpt().gapBytes, 0);
});

test("an answer adds up: what is shown and what is left out", () => {
  const text = Buffer.from(Array.from({ length: 3000 }, (_, index) => `line ${index}\n`).join(""));
  for (const charactersMax of [200, 1000, 8000, 40_000]) {
    const { text: answer } = bulkAnswer({
      header: (lines) => lines,
      excerpt: excerptOf(text, "content"),
      charactersMax,
      restOf: (offset) => `from ${offset}`,
      facts: {},
    });
    const [, head, tail] = /^3,000 lines \(showing (\d+)\+(\d+)\)/.exec(answer) ?? [];
    const [, left, bytesLeft, from] =
      /\[left out: ([\d,]+) lines?, ([\d,]+) bytes?; from (\d+)\]/.exec(answer) ?? [];
    if (charactersMax === 40_000) {
      assert.equal(left, undefined);
      continue;
    }
    const number = (given: string | undefined) => Number(given?.replaceAll(",", ""));
    assert.equal(number(head) + number(tail) + number(left), 3000);
    const shownBytes = text.length - number(bytesLeft);
    assert.ok(shownBytes <= charactersMax && shownBytes > charactersMax * 0.8);
    assert.ok(number(from) <= charactersMax * 0.4);
    assert.equal(text.subarray(0, number(from)).at(-1), 0x0a);
  }
});

test("no two blocks have the same mark", () => {
  const marks = new Set(Array.from({ length: 100 }, () => fenced("x").slice(0, 20)));
  assert.equal(marks.size, 100);
});
