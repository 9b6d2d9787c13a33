import type { BytePath } from "../model/tree.ts";

/** One line of a hunk. */
export interface HunkLine {
  readonly sign: " " | "-" | "+";
  /** With its terminator; the last line of a file may lack one. */
  readonly text: string;
}

/** Lines of either side of a hunk. */
export interface LineCounts {
  readonly old: number;
  readonly new: number;
}

/** How a hunk without line numbers is found. */
export interface TextPlace {
  /** Texts after its @@: lines that stand before it, one inside the other. */
  readonly anchors: readonly string[];
  /** Nothing follows it in the file. */
  readonly endsFile: boolean;
}

export interface Hunk {
  /** Where it stands in the patch, from 1. */
  readonly lineNumber: number;
  /** Lines from 1; an empty range names the line before it. */
  readonly oldStart: number;
  readonly oldCount: number;
  readonly newStart: number;
  readonly newCount: number;
  readonly lines: readonly HunkLine[];
  /** What its header counts, where its lines are others; the counts above are the true ones. */
  readonly saidCounts: LineCounts | undefined;
  /** Undefined when its header has line numbers; without them those above mean nothing. */
  readonly textPlace: TextPlace | undefined;
}

/** The forward half of a git binary patch. */
export interface BinaryChange {
  /** `literal` is the new content; `delta` says how to make it of the old one. */
  readonly kind: "literal" | "delta";
  readonly bytes: Buffer;
}

export type FilePatchKind = "modify" | "create" | "delete" | "rename" | "copy";

/** What a patch says of one file. */
export interface FilePatch {
  /** Where it stands in the patch, from 1. */
  readonly lineNumber: number;
  /** Files of one commit share a number; a series of mails has several, applied one after another. */
  readonly series: number;
  /** `git`: begun by `diff --git`. `plain`: only `---` and `+++`. `envelope`: a section of `*** Begin Patch`. */
  readonly style: "git" | "plain" | "envelope";
  readonly kind: FilePatchKind;
  /** As written, with its prefix such as `a/`; undefined for /dev/null and where only `exact…` names are given. */
  readonly oldName: BytePath | undefined;
  readonly newName: BytePath | undefined;
  /** From `rename` and `copy` lines, which carry no prefix. */
  readonly exactOldName: BytePath | undefined;
  readonly exactNewName: BytePath | undefined;
  /** As git writes them, for example 0o100644; undefined when the patch is silent. */
  readonly oldMode: number | undefined;
  readonly newMode: number | undefined;
  /** From the `index` line, often abbreviated; undefined when there is none. */
  readonly oldId: string | undefined;
  readonly newId: string | undefined;
  readonly hunks: readonly Hunk[];
  readonly binary: BinaryChange | undefined;
  /** "Binary files differ": the patch says that, but does not hold the content. */
  readonly lacksContent: boolean;
}

const mebibyte = 1024 * 1024;

/** What pyro accepts as a patch. */
export const patchLimits = {
  bytes: 64 * mebibyte,
  files: 10_000,
  /** Names of 4,095 bytes, quoted byte by byte, twice. */
  headerLineBytes: 40_000,
  /** Each costs some 60 bytes of memory. */
  hunkLines: 2_000_000,
  /** All unpacked contents of binary patches together. */
  binaryBytes: 256 * mebibyte,
  /** All files a patch makes or alters together. */
  plannedBytes: 1024 * mebibyte,
  /** Comparisons of lines while hunks are searched; a second's work. */
  lineComparisons: 50_000_000,
} as const;
