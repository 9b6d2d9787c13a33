import type { PyroError } from "../model/errors.ts";
import { malformed } from "./patch-errors.ts";

/** What a patch may look like, for those who wrote something else. */
export const patchExample =
  "Give a unified diff, for example:\n--- a/greet.py\n+++ b/greet.py\n@@\n def greet():\n-    print(1)\n+    print(2)";

/** Whether a line begins a block of text to search, followed by text to put there. */
export function isSearchBlock(line: string): boolean {
  return /^<{5,9}(?: |\r?\n|$)/.test(line);
}

const formats: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^<{5,9} ?\w/m, "search/replace blocks"],
  [/^\d+(?:,\d+)?[acd]\d+(?:,\d+)?\s*$/m, 'a diff without context, as "diff" writes without -u'],
  [/^\s*[[{]/, "JSON"],
  [/^\s*<\w/, "XML"],
  [/^[+-]/m, "changed lines without the names of their file"],
];

/** Bytes in which a format is recognised. */
const sampleBytes = 64 * 1024;

/** What is said of a patch that names no file. */
export function missingFile(bytes: Buffer, lineNumber: number): PyroError {
  const sample = bytes.toString("latin1", 0, sampleBytes);
  const seen = formats.find(([pattern]) => pattern.test(sample));
  const what = seen === undefined ? "" : `; it looks like ${seen[1]}`;
  return malformed(
    lineNumber,
    `it ends without having named a file to change${what}`,
    patchExample,
  );
}
