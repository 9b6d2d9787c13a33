import type { BytePath } from "../model/tree.ts";
import { unquoteName } from "./git-names.ts";
import type { ParseState } from "./hunk-body.ts";
import { parseBinaryChange } from "./parse-binary-change.ts";
import { parseHunks } from "./parse-hunks.ts";
import { type NameLine, takeNameLine } from "./parse-plain-file.ts";
import { withoutTerminator } from "./patch-cursor.ts";
import { malformed, quoteBytes } from "./patch-errors.ts";
import {
  type BinaryChange,
  type FilePatch,
  type FilePatchKind,
  type Hunk,
  patchLimits,
} from "./patch-model.ts";

/** What the lines between `diff --git` and the first hunk say. */
interface Header {
  isNew: boolean;
  isDeleted: boolean;
  renameFrom?: BytePath;
  renameTo?: BytePath;
  copyFrom?: BytePath;
  copyTo?: BytePath;
  oldMode?: number;
  newMode?: number;
  oldId?: string;
  newId?: string;
  old?: NameLine;
  now?: NameLine;
}

/** A file that begins with `diff --git`. */
export function parseGitFile(state: ParseState): FilePatch {
  const { cursor } = state;
  const { lineNumber } = cursor;
  const first = withoutTerminator(takeHeaderLine(state));
  const header: Header = { isNew: false, isDeleted: false };
  while (takeHeaderField(state, header));
  const body = parseBody(state, header.now?.hadCr ?? first.hadCr);
  const text = first.text.slice("diff --git ".length);
  const named = splitGitNames(text);
  requireConsistency(header, named, lineNumber);
  if (named === undefined) requireMoveIn(text, header, lineNumber);
  const kind = gitKind(header);
  requireBody(header, body, lineNumber);
  const hasExact = kind === "rename" || kind === "copy";
  const oldName = header.old?.name ?? named?.oldName;
  const newName = header.now?.name ?? named?.newName;
  if (!hasExact && oldName === undefined && newName === undefined)
    throw malformed(lineNumber, "the names of the file are ambiguous or missing");
  return {
    lineNumber,
    series: state.series,
    style: "git",
    kind,
    oldName: kind === "create" ? undefined : oldName,
    newName: kind === "delete" ? undefined : newName,
    exactOldName: header.renameFrom ?? header.copyFrom,
    exactNewName: header.renameTo ?? header.copyTo,
    oldMode: header.oldMode,
    newMode: header.newMode,
    oldId: header.oldId,
    newId: header.newId,
    ...body,
  };
}

function takeHeaderLine({ cursor }: ParseState): string {
  const { lineNumber } = cursor;
  const line = cursor.take() ?? "";
  if (line.length > patchLimits.headerLineBytes)
    throw malformed(lineNumber, "a line of unreasonable length");
  return line;
}

type FieldReader = (value: string, header: Header, lineNumber: number) => void;

const fields: readonly (readonly [prefix: string, read: FieldReader])[] = [
  ["old mode ", (value, header, line) => setMode(header, "oldMode", { value, line })],
  ["new mode ", (value, header, line) => setMode(header, "newMode", { value, line })],
  [
    "new file mode ",
    (value, header, line) => {
      header.isNew = true;
      setMode(header, "newMode", { value, line });
    },
  ],
  [
    "deleted file mode ",
    (value, header, line) => {
      header.isDeleted = true;
      setMode(header, "oldMode", { value, line });
    },
  ],
  ["rename from ", (value, header, line) => setName(header, "renameFrom", { value, line })],
  ["rename to ", (value, header, line) => setName(header, "renameTo", { value, line })],
  ["copy from ", (value, header, line) => setName(header, "copyFrom", { value, line })],
  ["copy to ", (value, header, line) => setName(header, "copyTo", { value, line })],
  ["similarity index ", () => {}],
  ["dissimilarity index ", () => {}],
  ["index ", readIndex],
];

/** Takes one line of the header; false when the next line is none. */
function takeHeaderField(state: ParseState, header: Header): boolean {
  const { cursor } = state;
  const { lineNumber } = cursor;
  if (cursor.startsWith("--- ")) {
    if (!cursor.startsWith("--- ", "+++ "))
      throw malformed(lineNumber + 1, "no line +++ after the line ---");
    header.old = takeNameLine(state);
    header.now = takeNameLine(state);
    return false;
  }
  const field = fields.find(([prefix]) => cursor.startsWith(prefix));
  if (field === undefined) return false;
  const [prefix, read] = field;
  read(withoutTerminator(takeHeaderLine(state)).text.slice(prefix.length), header, lineNumber);
  return true;
}

interface FieldValue {
  readonly value: string;
  readonly line: number;
}

function setMode(header: Header, field: "oldMode" | "newMode", { value, line }: FieldValue): void {
  if (!/^[0-7]{5,7}$/.test(value)) throw malformed(line, `${quoteBytes(value)} is no mode`);
  header[field] = Number.parseInt(value, 8);
}

type NameField = "renameFrom" | "renameTo" | "copyFrom" | "copyTo";

function setName(header: Header, field: NameField, { value, line }: FieldValue): void {
  const quoted = value.startsWith('"') ? unquoteName(value) : { name: value, length: value.length };
  if (quoted?.length !== value.length || quoted.name === "" || header[field] !== undefined)
    throw malformed(line, "a broken or repeated name");
  header[field] = quoted.name;
}

function readIndex(value: string, header: Header, lineNumber: number): void {
  const match = /^([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})(?: ([0-7]{5,7}))?$/.exec(value);
  // Comma lists come from merges; other tools write other things here, and nothing depends on it.
  if (match === null) return;
  header.oldId = match[1] ?? "";
  header.newId = match[2] ?? "";
  if (match[3] === undefined || header.newMode !== undefined) return;
  setMode(header, "oldMode", { value: match[3], line: lineNumber });
}

interface Body {
  readonly hunks: readonly Hunk[];
  readonly binary: BinaryChange | undefined;
  readonly lacksContent: boolean;
}

function parseBody(state: ParseState, headerHadCr: boolean): Body {
  const { cursor } = state;
  if (cursor.startsWith("GIT binary patch"))
    return { hunks: [], binary: parseBinaryChange(state), lacksContent: false };
  const lacksContent = cursor.startsWith("Binary files ") || cursor.startsWith("Files ");
  const hunks = lacksContent ? [] : parseHunks(state, headerHadCr);
  return { hunks, binary: undefined, lacksContent };
}

/** The ids of an empty content, by either of git's digests, as they may be shortened. */
const emptyId = /^(?:e69de29|473a0f4)/;

/** A header that announces a change of content without one was cut off. */
function requireBody(header: Header, body: Body, lineNumber: number): void {
  if (body.hunks.length > 0 || body.binary !== undefined || body.lacksContent) return;
  const { oldId, newId, isNew, isDeleted } = header;
  const id = isNew ? newId : isDeleted ? oldId : undefined;
  const isEmpty = id !== undefined && emptyId.test(id);
  if (header.now !== undefined || (oldId !== newId && !isEmpty))
    throw malformed(lineNumber, "the header of this file announces a change, but no hunk follows");
}

interface GitNames {
  readonly oldName: BytePath;
  readonly newName: BytePath;
}

/**
 * The two names after `diff --git`. Unquoted names may hold blanks; then the cut is in the middle, because both names are equal but for
 * prefixes of equal length. Undefined when that does not fit, as for renames, whose names stand elsewhere too.
 */
function splitGitNames(text: string): GitNames | undefined {
  if (text.startsWith('"')) {
    const first = unquoteName(text);
    if (first === undefined || text[first.length] !== " ") return undefined;
    const rest = text.slice(first.length + 1);
    return { oldName: first.name, newName: unquoteName(rest)?.name ?? rest };
  }
  const quote = text.indexOf(' "');
  const quoted = quote > 0 && text.endsWith('"') ? unquoteName(text.slice(quote + 1)) : undefined;
  if (quoted) return { oldName: text.slice(0, quote), newName: quoted.name };
  const middle = (text.length - 1) / 2;
  if (text[middle] !== " ") return undefined;
  const names = { oldName: text.slice(0, middle), newName: text.slice(middle + 1) };
  return names.oldName === names.newName ||
    withoutPrefix(names.oldName) === withoutPrefix(names.newName)
    ? names
    : undefined;
}

function withoutPrefix(name: BytePath): BytePath {
  return name.slice(name.indexOf("/") + 1);
}

function gitKind(header: Header): FilePatchKind {
  if (header.renameFrom !== undefined) return "rename";
  if (header.copyFrom !== undefined) return "copy";
  if (header.isNew || (header.old && header.old.name === undefined)) return "create";
  if (header.isDeleted || (header.now && header.now.name === undefined)) return "delete";
  return "modify";
}

/** A header that says two things is not guessed at: one reader would see the one, another the other. */
function requireConsistency(header: Header, named: GitNames | undefined, lineNumber: number): void {
  const { isNew, isDeleted, renameFrom, renameTo, copyFrom, copyTo, old, now } = header;
  const claims = [isNew, isDeleted, renameFrom !== undefined, copyFrom !== undefined];
  const oldNames = [old?.name, named?.oldName, renameFrom ?? copyFrom];
  const newNames = [now?.name, named?.newName, renameTo ?? copyTo];
  const contradictions: readonly (readonly [isSo: boolean, what: string])[] = [
    [claims.filter(Boolean).length > 1, "it is only one of new, deleted, renamed and copied"],
    [(renameFrom === undefined) !== (renameTo === undefined), "it has half a rename"],
    [(copyFrom === undefined) !== (copyTo === undefined), "it has half a copy"],
    [isNew && old?.name !== undefined, "a new file has an old name"],
    [isDeleted && now?.name !== undefined, "a deleted file has a new name"],
    [!agree(oldNames), "it has two old names"],
    [!agree(newNames), "it has two new names"],
  ];
  const found = contradictions.find(([isSo]) => isSo);
  if (found) throw malformed(lineNumber, `the header of this file contradicts itself: ${found[1]}`);
}

/** The names of a rename stand in the first line too, where no cut between them is certain. */
function requireMoveIn(text: string, header: Header, lineNumber: number): void {
  const from = header.renameFrom ?? header.copyFrom;
  const to = header.renameTo ?? header.copyTo;
  if (from === undefined || to === undefined || text.includes('"')) return;
  if (!text.includes(`${from} `) || !text.endsWith(to))
    throw malformed(lineNumber, "the first line of this file names others than its rename or copy");
}

/** Whether names with prefix are one name, which ends in the name without prefix. */
function agree([first, second, exact]: readonly (BytePath | undefined)[]): boolean {
  const full = first ?? second;
  if (full === undefined) return true;
  if (second !== undefined && second !== full) return false;
  return exact === undefined || full === exact || full.endsWith(`/${exact}`);
}
