import type { BytePath } from "../model/tree.ts";
import { unquoteName } from "./git-names.ts";
import type { ParseState } from "./hunk-body.ts";
import { parseHunks } from "./parse-hunks.ts";
import { withoutTerminator } from "./patch-cursor.ts";
import { malformed } from "./patch-errors.ts";
import { type FilePatch, type FilePatchKind, type Hunk, patchLimits } from "./patch-model.ts";

/** A file that begins with `---` and `+++`, as `diff -u` writes it. */
export function parsePlainFile(state: ParseState): FilePatch {
  const { lineNumber } = state.cursor;
  const old = takeNameLine(state);
  const now = takeNameLine(state);
  const hunks = parseHunks(state, now.hadCr);
  if (hunks.length === 0)
    throw malformed(state.cursor.lineNumber, "no hunk follows the names of the files");
  if (old.name === undefined && now.name === undefined)
    throw malformed(lineNumber, "both names are /dev/null");
  return {
    lineNumber,
    series: state.series,
    style: "plain",
    kind: plainKind(old, now, hunks),
    oldName: old.name,
    newName: now.name,
    exactOldName: undefined,
    exactNewName: undefined,
    oldMode: undefined,
    newMode: undefined,
    oldId: undefined,
    newId: undefined,
    hunks,
    binary: undefined,
    lacksContent: false,
  };
}

export interface NameLine {
  /** Undefined for /dev/null. */
  readonly name: BytePath | undefined;
  /** The time after the name says 1970, with which `diff -N` marks a file that is not there. */
  readonly isEpoch: boolean;
  readonly hadCr: boolean;
}

/** Takes a line `--- NAME` or `+++ NAME`, with or without a time after the name. */
export function takeNameLine({ cursor }: ParseState): NameLine {
  const { lineNumber } = cursor;
  const line = cursor.take() ?? "";
  if (line.length > patchLimits.headerLineBytes)
    throw malformed(lineNumber, "a name of unreasonable length");
  const { text, hadCr } = withoutTerminator(line);
  const rest = text.slice(4);
  const { name, after } = splitName(rest, lineNumber);
  if (name === "") throw malformed(lineNumber, "an empty name");
  if (name === "/dev/null") return { name: undefined, isEpoch: false, hadCr };
  return { name, isEpoch: isEpochTime(after), hadCr };
}

const timePattern =
  /[\t ]+\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?[+-]\d\d:?\d\d)?$/;

function splitName(rest: string, lineNumber: number): { name: BytePath; after: string } {
  if (rest.startsWith('"')) {
    const quoted = unquoteName(rest);
    if (quoted === undefined) throw malformed(lineNumber, "a quoted name that does not end");
    return { name: quoted.name, after: rest.slice(quoted.length) };
  }
  const tab = rest.indexOf("\t");
  if (tab >= 0) return { name: rest.slice(0, tab), after: rest.slice(tab) };
  const time = timePattern.exec(rest);
  return time ? { name: rest.slice(0, time.index), after: time[0] } : { name: rest, after: "" };
}

/** 1970 began on either side of midnight, by time zone. */
function isEpochTime(after: string): boolean {
  const time = timePattern.exec(after)?.[0];
  if (time === undefined) return false;
  const [, day, clock, zone] =
    /(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?::00(?:\.0+)?)?(?: ?([+-]\d\d:?\d\d))?$/.exec(time) ?? [];
  if (day === undefined || clock === undefined) return false;
  return Date.parse(`${day}T${clock}:00${isoZone(zone)}`) === 0;
}

function isoZone(zone: string | undefined): string {
  if (zone === undefined) return "Z";
  return zone.includes(":") ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`;
}

function plainKind(old: NameLine, now: NameLine, hunks: readonly Hunk[]): FilePatchKind {
  const only = hunks.length === 1 ? hunks[0] : undefined;
  if (old.name === undefined || (old.isEpoch && only?.oldCount === 0)) return "create";
  if (now.name === undefined || (now.isEpoch && only?.newCount === 0)) return "delete";
  return "modify";
}
