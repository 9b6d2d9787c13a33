import { lastFrames } from "../../model/last-frames.ts";
import { visibleText } from "../../model/text.ts";

/** What a command wrote, of which a reader sees what a terminal leaves; or content, of which everything. */
export type TextKind = "output" | "content";

/** A piece of text that was cut off bytes at a line's end where there is one. */
export interface Piece {
  /** With everything that could drive a terminal made visible. */
  readonly text: string;
  /** How much of the bytes it stands for. */
  readonly byteCount: number;
}

const newline = 0x0a;
const carriageReturn = 0x0d;

/** Bytes as text that a reader may see: line ends plain, controls visible. */
export function shown(bytes: Buffer, kind: TextKind): string {
  const read = bytes.toString("utf8");
  const text = kind === "output" ? lastFrames(read) : read.replaceAll("\r\n", "\n");
  return visibleText(text, Number.MAX_SAFE_INTEGER, "lines");
}

/** As many lines of the beginning as have `charactersMax`; a first line that is longer is cut. */
export function takeHead(bytes: Buffer, charactersMax: number, kind: TextKind): Piece {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const found = bytes.indexOf(newline, at);
    const end = found < 0 ? bytes.length : found + 1;
    const line = shownLine(bytes.subarray(at, end), charactersMax, kind);
    if (line === undefined || text.length + line.length > charactersMax) break;
    text += line;
    at = end;
  }
  return at > 0 || bytes.length === 0
    ? { text, byteCount: at }
    : cutHead(bytes, charactersMax, kind);
}

/** As many lines of the end; a last line that is longer is cut. */
export function takeTail(bytes: Buffer, charactersMax: number, kind: TextKind): Piece {
  const lines: string[] = [];
  let characters = 0;
  let at = bytes.length;
  while (at > 0) {
    const begin = at < 2 ? 0 : bytes.lastIndexOf(newline, at - 2) + 1;
    const line = shownLine(bytes.subarray(begin, at), charactersMax, kind);
    if (line === undefined || characters + line.length > charactersMax) break;
    lines.unshift(line);
    characters += line.length;
    at = begin;
  }
  if (lines.length > 0 || bytes.length === 0)
    return { text: lines.join(""), byteCount: bytes.length - at };
  return cutTail(bytes, charactersMax, kind);
}

/** Undefined for one that is too long whatever its bytes are. */
function shownLine(line: Buffer, charactersMax: number, kind: TextKind): string | undefined {
  // Of a line with many frames, only the last is shown.
  const isOverwritten = kind === "output" && line.includes(carriageReturn);
  return isOverwritten || line.length <= charactersMax * 4 ? shown(line, kind) : undefined;
}

function cutHead(bytes: Buffer, charactersMax: number, kind: TextKind): Piece {
  let length = Math.min(charactersMax, bytes.length);
  for (;;) {
    // Not between the bytes of one character, unless they are none.
    const end = wholeCharacters(bytes, length);
    const text = shown(bytes.subarray(0, end), kind);
    if (text.length <= charactersMax || length <= 1) return { text, byteCount: end };
    length = Math.floor(length / 2);
  }
}

/** At most `length`, such that no character is cut in two; bytes that are no characters are cut anywhere. */
export function wholeCharacters(bytes: Buffer, length: number): number {
  for (let begin = length - 1; begin >= Math.max(0, length - 4); begin--) {
    const byte = bytes[begin] ?? 0;
    if (isContinuation(byte)) continue;
    return begin === 0 || begin + sizeOfCharacter(byte) <= length ? length : begin;
  }
  return length;
}

/** Bytes of the character that begins with `byte`. */
function sizeOfCharacter(byte: number): number {
  if (byte < 0xc0) return 1;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}

function cutTail(bytes: Buffer, charactersMax: number, kind: TextKind): Piece {
  let length = Math.min(charactersMax, bytes.length);
  for (;;) {
    let begin = bytes.length - length;
    while (begin < bytes.length - length + 4 && isContinuation(bytes[begin])) begin++;
    const text = shown(bytes.subarray(begin), kind);
    if (text.length <= charactersMax || length <= 1)
      return { text, byteCount: bytes.length - begin };
    length = Math.floor(length / 2);
  }
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** How many lines `bytes` are; an unfinished last one counts. */
export function countLines(bytes: Buffer): number {
  const ends = countNewlines(bytes);
  return bytes.length > 0 && bytes.at(-1) !== newline ? ends + 1 : ends;
}

export function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count++;
  return count;
}
