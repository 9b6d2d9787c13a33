import { parseGitFile } from "./parse-git-file.ts";
import { isHunkHeader, type ParseState } from "./parse-hunks.ts";
import { parsePlainFile } from "./parse-plain-file.ts";
import { PatchCursor } from "./patch-cursor.ts";
import { malformed, refused } from "./patch-errors.ts";
import { type FilePatch, patchLimits } from "./patch-model.ts";
import { refuseUnsafePatch } from "./refuse-patch.ts";

const seriesPattern = /^From [0-9a-f]{40,64} /;
const contextDiffPattern = /^\*{15}\s*$/;

/**
 * The files of a patch: what `git diff`, `git format-patch` (also several mails in one) and `diff -u` write, with CRLF or LF. Text between
 * files is skipped. Everything unsafe is refused here, before anybody looks at a tree.
 */
export function parsePatch(bytes: Buffer): FilePatch[] {
  if (bytes.length > patchLimits.bytes)
    throw refused(`The patch has ${bytes.length} bytes, over ${patchLimits.bytes}`);
  const state: ParseState = {
    cursor: new PatchCursor(bytes),
    series: 0,
    hunkLinesLeft: patchLimits.hunkLines,
    binaryBytesLeft: patchLimits.binaryBytes,
  };
  const files: FilePatch[] = [];
  while (state.cursor.peek() !== undefined) {
    const file = parseNext(state);
    if (file === undefined) continue;
    if (files.length === patchLimits.files)
      throw refused(`The patch changes more than ${patchLimits.files} files`);
    refuseUnsafePatch(file);
    files.push(file);
  }
  if (files.length > 0) return files;
  throw malformed(
    state.cursor.lineNumber,
    "it ends without having named a file to change",
    'Make it with "git diff --binary" or "diff -u".',
  );
}

/** One file, or undefined when the next line belonged to none and was skipped. */
function parseNext(state: ParseState): FilePatch | undefined {
  const { cursor } = state;
  const { lineNumber } = cursor;
  if (cursor.startsWith("diff --git ")) return parseGitFile(state);
  if (cursor.startsWith("--- ", "+++ ")) return parsePlainFile(state);
  const line = cursor.take() ?? "";
  if (line.length > patchLimits.headerLineBytes) return undefined;
  if (isHunkHeader(line)) throw malformed(lineNumber, "a hunk that belongs to no file");
  if (/^diff --(?:cc|combined) /.test(line))
    throw malformed(lineNumber, "the combined diff of a merge, which cannot be applied");
  if (contextDiffPattern.test(line))
    throw malformed(lineNumber, "a context diff", 'Only unified diffs are read: use "diff -u".');
  if (seriesPattern.test(line)) state.series += 1;
  return undefined;
}
