import { checkRelativePath, displayPath, pathLimits } from "../model/byte-path.ts";
import { PyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";
import type { BytePath, EntryType, TreeEntry } from "../model/tree.ts";

/** The format of docs/protocol.md, "Records and tree streams". */
export const recordLimits = {
  entriesMax: 2_000_000,
  xattrsMax: 64,
  xattrNameBytesMax: 255,
  xattrValueBytesMax: 64 * 1024,
  chunkBytesMax: 1024 * 1024,
  /** The longest fields before the path, with room to spare. */
  fieldsBytesMax: 256,
} as const;

const letters = {
  file: "f",
  directory: "d",
  symlink: "l",
  hardlink: "h",
  fifo: "p",
  socket: "s",
  character_device: "c",
  block_device: "b",
} as const satisfies Record<EntryType, string>;

const types: ReadonlyMap<string, EntryType> = new Map(
  (Object.keys(letters) as EntryType[]).map((type) => [letters[type], type]),
);

const endLetter = ".";

/** A record without its extended attributes, as latin1 text. */
export function recordText(entry: TreeEntry): string {
  const { type, mode, size, mtimeNs, uid, gid, inode, xattrs, path, target } = entry;
  const digest = entry.digest === null ? "-" : entry.digest === "unchanged" ? "=" : entry.digest;
  return `${letters[type]} ${mode.toString(8)} ${size} ${mtimeNs} ${uid} ${gid} ${inode} ${digest} ${xattrs.size} ${path}\0${target}\0`;
}

/** The record that ends a stream of `recordCount` others. */
export function endRecordText(recordCount: number): string {
  return `${endLetter} 0 ${recordCount} 0 0 0 0 - 0 \0\0`;
}

export function encodeXattrs(xattrs: ReadonlyMap<string, Buffer>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of xattrs)
    parts.push(Buffer.from(`${name}\0${value.length}\0`, "latin1"), value);
  return Buffer.concat(parts);
}

/** What the bytes at one place of a stream are; `next` is where the following record or chunk begins. */
export type ParsedRecord =
  | { readonly kind: "entry"; readonly entry: TreeEntry; readonly next: number }
  | { readonly kind: "end"; readonly recordCount: number; readonly next: number };

const noXattrs: ReadonlyMap<string, Buffer> = new Map();
const nul = 0;

/** The record that begins at `start`, or undefined when `data` ends before it does. */
export function parseRecord(data: Buffer, start: number): ParsedRecord | undefined {
  const pathEnd = findNul(data, start, recordLimits.fieldsBytesMax + pathLimits.bytesMax);
  if (pathEnd === undefined) return undefined;
  const targetEnd = findNul(data, pathEnd + 1, pathLimits.bytesMax);
  if (targetEnd === undefined) return undefined;
  const { fields, path } = splitFields(data.toString("latin1", start, pathEnd));
  const target = data.toString("latin1", pathEnd + 1, targetEnd);
  if (fields[0] === endLetter) {
    const recordCount = parseEnd(fields, path, target);
    return { kind: "end", recordCount, next: targetEnd + 1 };
  }
  const fixed = parseFields(fields, path, target);
  const xattrCount = parseCount(fields[8], recordLimits.xattrsMax, "attribute count");
  if (xattrCount === 0)
    return { kind: "entry", entry: { ...fixed, xattrs: noXattrs }, next: targetEnd + 1 };
  const parsed = parseXattrs(data, targetEnd + 1, xattrCount);
  if (parsed === undefined) return undefined;
  return { kind: "entry", entry: { ...fixed, xattrs: parsed.xattrs }, next: parsed.next };
}

const fieldCount = 9;

function splitFields(text: string): { fields: string[]; path: BytePath } {
  const fields: string[] = [];
  let start = 0;
  while (fields.length < fieldCount) {
    const space = text.indexOf(" ", start);
    if (space < 0) throw badRecord(`a record has ${fields.length} fields: ${visibleText(text)}`);
    fields.push(text.slice(start, space));
    start = space + 1;
  }
  // Copied, because a slice would keep the whole record's text alive for as long as the path lives.
  return { fields, path: Buffer.from(text.slice(start), "latin1").toString("latin1") };
}

type FixedFields = Omit<TreeEntry, "xattrs">;

function parseFields(fields: readonly string[], path: BytePath, target: BytePath): FixedFields {
  const [letter = "", mode, size, mtime, uid, gid, inode, digest = ""] = fields;
  const type = types.get(letter);
  if (type === undefined) throw badRecord(`the entry type ${visibleText(letter)} is unknown`);
  const entry = {
    path,
    type,
    mode: parseMode(mode),
    size: parseCount(size, Number.MAX_SAFE_INTEGER, "size"),
    mtimeNs: parseTime(mtime),
    uid: parseCount(uid, 0xffffffff, "owner"),
    gid: parseCount(gid, 0xffffffff, "group"),
    inode: parseInode(inode),
    digest: parseDigest(digest, type),
    target,
  };
  checkEntry(entry);
  return entry;
}

function checkEntry({ path, type, size, target }: Omit<FixedFields, "digest">): void {
  const broken = checkRelativePath(path);
  if (broken !== undefined) throw badEntry(path, broken);
  if (size !== 0 && type !== "file") throw badEntry(path, "it has a size but is no file");
  if (type === "symlink" && target === "") throw badEntry(path, "it is a link to nothing");
  if (type !== "symlink" && type !== "hardlink" && target !== "")
    throw badEntry(path, "it has a target but is no link");
  if (type !== "hardlink") return;
  const brokenTarget = target === "" ? "it is empty" : checkRelativePath(target);
  if (brokenTarget !== undefined)
    throw badEntry(path, `its target ${displayPath(target)} is unusable: ${brokenTarget}`);
}

function parseEnd(fields: readonly string[], path: BytePath, target: BytePath): number {
  const plain = fields[8] === "0" && path === "" && target === "";
  if (!plain) throw badRecord("the end record names something");
  return parseCount(fields[2], recordLimits.entriesMax, "number of records");
}

/** `count` times NAME, NUL, LENGTH, NUL, VALUE. */
function parseXattrs(
  data: Buffer,
  start: number,
  count: number,
): { xattrs: ReadonlyMap<string, Buffer>; next: number } | undefined {
  const xattrs = new Map<string, Buffer>();
  let at = start;
  for (let index = 0; index < count; index++) {
    const nameEnd = findNul(data, at, recordLimits.xattrNameBytesMax);
    const lengthEnd = nameEnd === undefined ? undefined : findNul(data, nameEnd + 1, 8);
    if (nameEnd === undefined || lengthEnd === undefined) return undefined;
    const name = data.toString("latin1", at, nameEnd);
    const length = parseCount(
      data.toString("latin1", nameEnd + 1, lengthEnd),
      recordLimits.xattrValueBytesMax,
      "attribute length",
    );
    if (!/^user\../.test(name) || xattrs.has(name))
      throw badRecord(`the attribute ${visibleText(name)} is not allowed or comes twice`);
    at = lengthEnd + 1 + length;
    if (at > data.length) return undefined;
    xattrs.set(name, Buffer.from(data.subarray(lengthEnd + 1, at)));
  }
  return { xattrs, next: at };
}

/** The index of the NUL that ends a text of at most `lengthMax` bytes, or undefined when it may still come. */
function findNul(data: Buffer, start: number, lengthMax: number): number | undefined {
  const end = data.indexOf(nul, start);
  if (end >= 0 && end - start <= lengthMax) return end;
  if (end < 0 && data.length - start <= lengthMax) return undefined;
  const shown = visibleText(data.toString("latin1", start, start + 60));
  throw badRecord(`a text of more than ${lengthMax} bytes begins with ${shown}`);
}

function parseCount(text = "", max: number, what: string): number {
  const value = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (value <= max) return value;
  throw badRecord(`the ${what} ${visibleText(text, 40)} is not a number from 0 to ${max}`);
}

function parseMode(text = ""): number {
  if (/^(0|[1-7][0-7]{0,3})$/.test(text)) return Number.parseInt(text, 8);
  throw badRecord(`the mode ${visibleText(text, 40)} is not one`);
}

function parseTime(text = ""): bigint {
  const value = /^(0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : undefined;
  if (value !== undefined && BigInt.asIntN(64, value) === value) return value;
  throw badRecord(`the time ${visibleText(text, 40)} is not one`);
}

function parseInode(text = ""): string {
  if (/^(0|[1-9]\d{0,19})$/.test(text)) return text;
  throw badRecord(`the inode ${visibleText(text, 40)} is not one`);
}

function parseDigest(text: string, type: EntryType): string | null {
  if (text === "-") return null;
  if (text === "=") return "unchanged";
  if (/^[0-9a-f]{64}$/.test(text) && (type === "file" || type === "hardlink")) return text;
  throw badRecord(`the digest ${visibleText(text, 80)} is not one`);
}

/** The guest sent something that is no tree. */
export function badRecord(offence: string): PyroError {
  return new PyroError("guest_protocol_error", `The guest sent a tree in which ${offence}.`);
}

/** The guest sent an entry that no tree may have. */
export function badEntry(path: BytePath, offence: string): PyroError {
  return badRecord(`the entry ${displayPath(path)} is unusable: ${offence}`);
}
