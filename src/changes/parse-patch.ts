import { isStrayChange, type ParseState } from "./hunk-body.ts";
import { isEnvelopeBegin, isEnvelopeLine, parseEnvelope } from "./parse-envelope.ts";
import { parseGitFile } from "./parse-git-file.ts";
import { isHunkHeader } from "./parse-hunks.ts";
import { parsePlainFile } from "./parse-plain-file.ts";
import { PatchCursor } from "./patch-cursor.ts";
import { malformed, quoteBytes, refused } from "./patch-errors.ts";
import { type FilePatch, patchLimits } from "./patch-model.ts";
import { isSearchBlock, missingFile, patchExample } from "./recognize-format.ts";
import { refuseUnsafePatch, submoduleHint } from "./refuse-patch.ts";

const seriesPattern = /^From [0-9a-f]{40,64} /;
const contextDiffPattern = /^\*{15}\s*$/;

interface PatchState extends ParseState {
  /** Whether what comes now follows the body of a file, so that a line with + or - may be a lost part of it. */
  isAfterFile: boolean;
}

/**
 * The files of a patch: what `git diff`, `git format-patch` (also several mails in one) and `diff -u` write, with CRLF or LF, or one
 * `*** Begin Patch`. Text between files is skipped, unless it would change something. Everything unsafe is refused here, before anybody looks
 * at a tree.
 */
export function parsePatch(bytes: Buffer): FilePatch[] {
  if (bytes.length > patchLimits.bytes)
    throw refused(`The patch has ${bytes.length} bytes, over ${patchLimits.bytes}`);
  const state: PatchState = {
    cursor: new PatchCursor(bytes),
    series: 0,
    hunkLinesLeft: patchLimits.hunkLines,
    binaryBytesLeft: patchLimits.binaryBytes,
    isAfterFile: false,
  };
  const files: FilePatch[] = [];
  for (const file of parseFiles(state)) {
    if (files.length === patchLimits.files)
      throw refused(`The patch changes more than ${patchLimits.files} files`);
    refuseUnsafePatch(file);
    files.push(file);
  }
  if (files.length > 0) return files;
  throw missingFile(bytes, state.cursor.lineNumber);
}

function* parseFiles(state: PatchState): Generator<FilePatch> {
  const { cursor } = state;
  let line = cursor.peek();
  for (; line !== undefined; line = cursor.peek()) {
    if (cursor.startsWith("diff --git ")) yield parseGitFile(state);
    else if (cursor.startsWith("--- ", "+++ ")) yield parsePlainFile(state);
    else if (isEnvelopeBegin(line) && !state.isAfterFile) yield* parseEnvelope(state);
    else {
      skipLine(state, line);
      continue;
    }
    state.isAfterFile = true;
  }
}

/** Leaves a line that belongs to no file; refuses one that would be lost with it. */
function skipLine(state: PatchState, line: string): void {
  const { cursor } = state;
  const { lineNumber } = cursor;
  if (state.isAfterFile && isStrayChange(cursor))
    throw malformed(
      lineNumber,
      `${quoteBytes(line)} belongs to no hunk`,
      "Begin a hunk with @@ before it, or leave the line out.",
    );
  cursor.advance();
  if (line.length > patchLimits.headerLineBytes) return;
  requireNothingLost(line, lineNumber);
  if (seriesPattern.test(line)) state.series += 1;
  // What a commit says of itself may well have lines that begin with - or +.
  if (/^(?:From|commit) [0-9a-f]{40,64}\b/.test(line)) state.isAfterFile = false;
}

/** Throws for lines that tell of a change which they do not hold, or hold in another format. */
function requireNothingLost(line: string, lineNumber: number): void {
  if (isHunkHeader(line))
    throw malformed(lineNumber, "a hunk that belongs to no file", patchExample);
  if (/^@@@|^diff --(?:cc|combined) /.test(line))
    throw malformed(lineNumber, "the combined diff of a merge, which cannot be applied");
  if (contextDiffPattern.test(line))
    throw malformed(lineNumber, "a context diff", 'Only unified diffs are read: use "diff -u".');
  if (isEnvelopeLine(line))
    throw malformed(
      lineNumber,
      `${quoteBytes(line.trimEnd())}, a line of another patch format`,
      'Give either a unified diff or one patch from "*** Begin Patch" to "*** End Patch".',
    );
  if (isSearchBlock(line)) throw malformed(lineNumber, "a search/replace block", patchExample);
  if (/^Binary files .+ differ\s*$/.test(line))
    throw refused(
      `Line ${lineNumber} of the patch says that a binary file differs, but not how`,
      'Make the patch with "git diff --binary".',
    );
  if (/^Only in .+: .+/.test(line))
    throw refused(
      `Line ${lineNumber} of the patch names a file that it does not hold`,
      'Make the patch with "diff -N", or leave the line out.',
    );
  if (/^Submodule .+ [0-9a-f]{4,64}\.{2,3}[0-9a-f]{4,64}/.test(line))
    throw refused(
      `Line ${lineNumber} of the patch moves a submodule, which pyro does not follow`,
      submoduleHint,
    );
}
