import {
  isChangedLine,
  type ParseState,
  requireSound,
  takeHunkLine,
  withoutCr,
} from "./hunk-body.ts";
import { anchorsOf, textHunk } from "./parse-hunks.ts";
import { withoutTerminator } from "./patch-cursor.ts";
import { malformed, quoteBytes } from "./patch-errors.ts";
import { type FilePatch, type Hunk, type HunkLine, patchLimits } from "./patch-model.ts";
import { stripName } from "./resolve-names.ts";

/*
 * The format that models of OpenAI write: `*** Begin Patch`, sections that add, update, move and delete files, `*** End Patch`. Hunks have no line
 * numbers; each goes where its text fits, once.
 */

const sectionPattern = /^\*\*\* (Add|Update|Delete) File:(.*)$/;
const end = "*** End Patch";
const endOfFile = "*** End of File";

/** Whether a line belongs to this format and to no other. */
export function isEnvelopeLine(line: string): boolean {
  return /^\*\*\* (?:(?:Begin|End) Patch\s*$|(?:Add|Update|Delete) File: |Move to: |End of File\s*$)/.test(
    line,
  );
}

export function isEnvelopeBegin(line: string): boolean {
  return withoutTerminator(line).text.trimEnd() === "*** Begin Patch";
}

/** The files from `*** Begin Patch`, where the cursor stands, to `*** End Patch`. */
export function* parseEnvelope(state: ParseState): Generator<FilePatch> {
  const { cursor } = state;
  const { hadCr } = withoutTerminator(cursor.take() ?? "");
  for (;;) {
    const { lineNumber } = cursor;
    const line = peekText(state);
    if (line === undefined)
      throw malformed(lineNumber, `the patch ends without "${end}"`, "It may have been cut off.");
    if (line === end) break;
    const [, action, name] = sectionPattern.exec(line) ?? [];
    if (action !== undefined) yield parseSection(state, { action, name: name ?? "", hadCr });
    else if (line === "") cursor.advance();
    else
      throw malformed(
        lineNumber,
        `${quoteBytes(line)} where a section or "${end}" is due`,
        sectionHint,
      );
  }
  cursor.advance();
}

const sectionHint =
  'Sections begin with "*** Add File: ", "*** Update File: " or "*** Delete File: "; in an update every line begins with a blank, + or -.';

interface Section {
  readonly action: string;
  readonly name: string;
  readonly hadCr: boolean;
}

function parseSection(state: ParseState, { action, name, hadCr }: Section): FilePatch {
  const { lineNumber } = state.cursor;
  state.cursor.advance();
  const path = pathOf(name, lineNumber);
  const common = {
    ...noFields,
    lineNumber,
    series: state.series,
    exactOldName: path,
    exactNewName: path,
  };
  if (action === "Delete") return { ...common, kind: "delete", exactNewName: undefined, hunks: [] };
  const fix = (hunk: Hunk): Hunk => (hadCr ? { ...hunk, lines: hunk.lines.map(withoutCr) } : hunk);
  if (action === "Add")
    return {
      ...common,
      kind: "create",
      exactOldName: undefined,
      hunks: takeAddition(state).map(fix),
    };
  const exactNewName = takeMove(state) ?? path;
  const hunks = takeHunks(state).map(fix);
  if (hunks.length === 0 && exactNewName === path)
    throw malformed(lineNumber, "an update that changes nothing", sectionHint);
  return { ...common, kind: exactNewName === path ? "modify" : "rename", exactNewName, hunks };
}

const noFields = {
  style: "envelope",
  oldName: undefined,
  newName: undefined,
  oldMode: undefined,
  newMode: undefined,
  oldId: undefined,
  newId: undefined,
  binary: undefined,
  lacksContent: false,
} as const;

/** The next line without its end and blanks there; undefined at the end of the patch. */
function peekText({ cursor }: ParseState): string | undefined {
  const line = cursor.peek();
  if (line !== undefined && line.length > patchLimits.headerLineBytes)
    throw malformed(cursor.lineNumber, "a line of unreasonable length");
  return line === undefined ? undefined : withoutTerminator(line).text.trimEnd();
}

function pathOf(name: string, lineNumber: number): string {
  const path = name.trim();
  if (path === "") throw malformed(lineNumber, "an empty name");
  // Whatever is not a path below the workspace is refused with its name, so it stays as it is.
  return path.startsWith("/") ? path : stripName(path, 0);
}

function takeMove(state: ParseState): string | undefined {
  const { lineNumber } = state.cursor;
  const prefix = "*** Move to:";
  if (!state.cursor.startsWith(prefix)) return undefined;
  const name = peekText(state)?.slice(prefix.length) ?? "";
  state.cursor.advance();
  return pathOf(name, lineNumber);
}

/** The lines of a new file, each with its +; none make an empty one. */
function takeAddition(state: ParseState): Hunk[] {
  const { lineNumber } = state.cursor;
  const lines: HunkLine[] = [];
  while (state.cursor.startsWith("+")) {
    const line = takeHunkLine(state);
    if (line !== undefined) lines.push(line);
  }
  return lines.length === 0 ? [] : [textHunk({ lineNumber, lines, anchors: [], endsFile: true })];
}

function takeHunks(state: ParseState): Hunk[] {
  const hunks: Hunk[] = [];
  for (;;) {
    while (peekText(state) === "") state.cursor.advance();
    const { cursor } = state;
    if (!cursor.startsWith("@@") && !cursor.startsWith(" ") && !isChangedLine(cursor)) return hunks;
    hunks.push(takeHunk(state));
  }
}

function takeHunk(state: ParseState): Hunk {
  const { cursor } = state;
  const { lineNumber } = cursor;
  const anchors: string[] = [];
  while (cursor.startsWith("@@")) {
    anchors.push(...anchorsOf(peekText(state) ?? ""));
    cursor.advance();
  }
  const lines = takeSignedLines(state);
  const endsFile = cursor.startsWith(endOfFile);
  if (endsFile) cursor.advance();
  requireSound(lines, lineNumber);
  return textHunk({ lineNumber, lines, anchors, endsFile });
}

/** Empty lines at the end only separate the hunk from what follows. */
function takeSignedLines(state: ParseState): HunkLine[] {
  const lines: HunkLine[] = [];
  let length = 0;
  for (;;) {
    const isEmpty = /^\r?\n$/.test(state.cursor.peek() ?? "");
    const line = takeHunkLine(state);
    if (line === undefined) return lines.slice(0, length);
    lines.push(line);
    if (!isEmpty) length = lines.length;
  }
}
