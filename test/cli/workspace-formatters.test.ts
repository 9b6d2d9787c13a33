import assert from "node:assert/strict";
import { test } from "node:test";
import { collectKeyValue, collectText } from "../../src/cli/key-value.ts";
import { commandText } from "../../src/cli/listings/command-line-text.ts";
import { fitWidth, fitWidthEnd, padWidth, textWidth } from "../../src/cli/listings/text-width.ts";
import { unifiedDiffLines } from "../../src/cli/listings/unified-diff.ts";
import { durationArgument, formatDuration, relativeTime } from "../../src/cli/time.ts";
import { at, nowMs } from "./support/results.ts";
import { openTerminal } from "./support/terminal.ts";

test("relative times", () => {
  const shown: readonly (readonly [seconds: number, text: string])[] = [
    [0, "now"],
    [-0.4, "now"],
    [-1, "1 s ago"],
    [-59, "59 s ago"],
    [-59.6, "1 min ago"],
    [-180, "3 min ago"],
    [-3599, "1 h ago"],
    [-3600 * 47, "47 h ago"],
    [-3600 * 48, "2 d ago"],
    [-86_400 * 60, "60 d ago"],
    [-86_400 * 61, "2025-12-30"],
    [30, "in 30 s"],
    [7200, "in 2 h"],
    [86_400 * 7, "in 7 d"],
  ];
  for (const [seconds, text] of shown) assert.equal(relativeTime(at(seconds), nowMs), text);
  assert.equal(relativeTime("never", nowMs), "-");
});

test("durations", () => {
  const shown: readonly (readonly [ms: number, text: string])[] = [
    [0, "0 ms"],
    [0.4, "0 ms"],
    [312.2, "312 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [3200, "3.2 s"],
    [59_940, "59.9 s"],
    [59_960, "1 min 0 s"],
    [125_000, "2 min 5 s"],
    [3_599_400, "59 min 59 s"],
    [3_599_600, "1 h 0 min"],
    [3_780_000, "1 h 3 min"],
  ];
  for (const [ms, text] of shown) assert.equal(formatDuration(ms), text);
});

test("durations on the command line", () => {
  assert.deepEqual(["45s", "30m", "12h", "7d"].map(durationArgument), [45, 1800, 43_200, 604_800]);
  for (const text of ["", "7", "d", "-1h", "1.5h", "1 h", "1w", "9999999999d", "constructor"])
    assert.throws(() => durationArgument(text), /is not a duration such as 30m, 12h or 7d/, text);
});

test("KEY=VALUE, again and again", () => {
  const collected = ["a=1", "b=", "c=x=y", "a=2", "__proto__=p"].reduce(
    (all: Readonly<Record<string, string>> | undefined, text) => collectKeyValue(text, all),
    undefined,
  );
  assert.deepEqual(Object.entries(collected ?? {}), [
    ...[
      ["a", "2"],
      ["b", ""],
      ["c", "x=y"],
    ],
    ["__proto__", "p"],
  ]);
  for (const text of ["", "a", "=1"])
    assert.throws(() => collectKeyValue(text), /is not KEY=VALUE/, text);
  assert.deepEqual(collectText("b", collectText("a")), ["a", "b"]);
});

test("a command is shown as it would be typed", () => {
  assert.equal(commandText(["git", "log", "--format=%h", "a/b.ts"]), "git log --format=%h a/b.ts");
  assert.equal(commandText(["sh", "-c", "a && b"]), "sh -c 'a && b'");
  assert.equal(commandText(["echo", "it's", ""]), `echo "it's" ''`);
  assert.equal(commandText(["echo", `it's $HOME`]), `echo 'it'\\''s $HOME'`);
  assert.equal(commandText(["printf", "a\nb\u001b"]), "printf 'a\\nb\\x1b'");
  assert.equal(commandText(["x".repeat(300)]), `${"x".repeat(200)}…`);
});

test("width is what a terminal takes", () => {
  assert.deepEqual(["abc", "漢字", "é", "e\u0301", "🙂a", "→"].map(textWidth), [3, 4, 1, 1, 3, 1]);
  assert.equal(fitWidth("abcdef", 6), "abcdef");
  assert.equal(fitWidth("abcdef", 5), "abcd…");
  assert.equal(fitWidth("漢字漢字", 6), "漢字…");
  assert.equal(fitWidthEnd("docker.io/library/python:3.12", 12), "…python:3.12");
  for (let width = 0; width < 8; width++) {
    for (const text of ["漢a字b漢字", "🙂🙂🙂🙂🙂"]) {
      assert.ok(textWidth(fitWidth(text, width)) <= width);
      assert.ok(textWidth(fitWidthEnd(text, width)) <= width);
    }
  }
  assert.equal(padWidth("漢", 4), "漢  ");
});

test("a damaged diff is still shown, line by line", () => {
  const { io } = openTerminal();
  const lines = ["@@ -1,9 +1,9 @@ f()", "+a", "\\ No newline at end of file", "", "Binary files"];
  assert.deepEqual(unifiedDiffLines(io, lines.join("\n")), lines);
});
