import type { BytePath } from "../../model/tree.ts";

// Git's index: which files git tracks. The file comes from a stranger's repository, so nothing in it is taken on trust: every
// length is held against what is there, and names, which the fourth version shortens, against a sum.

/** What an index says, as far as it matters which files are tracked. */
export interface IndexFile {
  /** In the order of the file; empty where an entry stands for one of the shared index. */
  readonly paths: readonly BytePath[];
  /** Where the rest of a split index is. */
  readonly shared: SharedIndex | undefined;
}

export interface SharedIndex {
  /** Hexadecimal; names its file. */
  readonly id: string;
  /** For each position in the shared index 1 where its entry counts no more. */
  readonly deleted: Uint8Array;
}

const headerBytes = 12;
/** Of an entry before the id of its content. */
const statBytes = 40;
const pathBytesMax = 4095;
const bitsMax = 4 * 1024 * 1024;
const extendedFlag = 0x4000;

export interface IndexLimits {
  /** Of the ids of objects: 20, or 32 with SHA-256. */
  readonly idBytes: number;
  /** Of all paths together. */
  readonly pathsBytesMax: number;
}

/** Undefined when it is damaged, too large, or of a version that is not known. */
export function parseIndex(data: Buffer, limits: IndexLimits): IndexFile | undefined {
  const { idBytes } = limits;
  if (data.length < headerBytes + idBytes || data.toString("latin1", 0, 4) !== "DIRC")
    return undefined;
  const version = data.readUInt32BE(4);
  if (version < 2 || version > 4) return undefined;
  // A checksum stands at the end.
  const content = data.subarray(0, data.length - idBytes);
  const entries = new Entries(content, version, limits);
  const paths = entries.read(data.readUInt32BE(8));
  if (paths === undefined) return undefined;
  const link = findExtension(content, entries.end, "link");
  if (link === "damaged") return undefined;
  if (link === undefined) return { paths, shared: undefined };
  const shared = parseLink(link, idBytes);
  return shared && { paths, shared };
}

class Entries {
  readonly #data: Buffer;
  readonly #pathsBytesMax: number;
  readonly #isShortened: boolean;
  /** Up to the flags, with them. */
  readonly #fixedBytes: number;
  #at = headerBytes;
  #path: BytePath = "";

  constructor(data: Buffer, version: number, { idBytes, pathsBytesMax }: IndexLimits) {
    this.#data = data;
    this.#pathsBytesMax = pathsBytesMax;
    this.#isShortened = version === 4;
    this.#fixedBytes = statBytes + idBytes + 2;
  }

  get end(): number {
    return this.#at;
  }

  read(count: number): BytePath[] | undefined {
    if (count > this.#data.length / this.#fixedBytes) return undefined;
    const paths: BytePath[] = [];
    let bytes = 0;
    for (let index = 0; index < count; index++) {
      if (!this.#readEntry()) return undefined;
      bytes += this.#path.length;
      if (bytes > this.#pathsBytesMax) return undefined;
      paths.push(this.#path);
    }
    return paths;
  }

  #readEntry(): boolean {
    const start = this.#at;
    const flagsAt = start + this.#fixedBytes - 2;
    if (flagsAt + 4 > this.#data.length) return false;
    const isExtended = (this.#data.readUInt16BE(flagsAt) & extendedFlag) !== 0;
    this.#at = flagsAt + (isExtended ? 4 : 2);
    const kept = this.#isShortened ? this.#readKept() : "";
    const end = this.#data.indexOf(0, this.#at);
    if (kept === undefined || end < 0 || kept.length + end - this.#at > pathBytesMax) return false;
    this.#path = kept + this.#data.toString("latin1", this.#at, end);
    // From one to eight zeros, so that the next entry begins at a multiple of eight.
    this.#at = this.#isShortened ? end + 1 : start + ((end - start + 8) & ~7);
    return this.#at <= this.#data.length;
  }

  /** What the name has in common with the one before. */
  #readKept(): BytePath | undefined {
    let dropped = 0;
    for (let more = true, first = true; more; first = false) {
      const byte = this.#data[this.#at++];
      if (byte === undefined || dropped > pathBytesMax) return undefined;
      more = (byte & 0x80) !== 0;
      dropped = (first ? 0 : (dropped + 1) * 128) + (byte & 0x7f);
    }
    const kept = this.#path.length - dropped;
    return kept < 0 ? undefined : this.#path.slice(0, kept);
  }
}

function findExtension(data: Buffer, from: number, name: string): Buffer | undefined | "damaged" {
  for (let at = from; at + 8 <= data.length; ) {
    const end = at + 8 + data.readUInt32BE(at + 4);
    if (end > data.length) return "damaged";
    if (data.toString("latin1", at, at + 4) === name) return data.subarray(at + 8, end);
    at = end;
  }
  return undefined;
}

function parseLink(data: Buffer, idBytes: number): SharedIndex | undefined {
  if (data.length < idBytes) return undefined;
  const id = data.toString("hex", 0, idBytes);
  if (data.length === idBytes) return { id, deleted: new Uint8Array() };
  const deleted = parseBitmap(data.subarray(idBytes));
  return deleted && { id, deleted };
}

/** A compressed bitmap (EWAH): runs of equal words, behind each some words as they are. */
function parseBitmap(data: Buffer): Uint8Array | undefined {
  if (data.length < 8) return undefined;
  const bitCount = data.readUInt32BE(0);
  const wordCount = data.readUInt32BE(4);
  if (bitCount > bitsMax || data.length < 8 + wordCount * 8) return undefined;
  const word = (index: number) => data.readBigUInt64BE(8 + index * 8);
  const bits = new Uint8Array(bitCount);
  let at = 0;
  for (let index = 0; index < wordCount; ) {
    const marker = word(index++);
    const runEnd = at + Number((marker >> 1n) & 0xffffffffn) * 64;
    bits.fill(Number(marker & 1n), at, runEnd);
    at = runEnd;
    const literalEnd = Math.min(wordCount, index + Number(marker >> 33n));
    for (; index < literalEnd; index++, at += 64)
      for (let bit = 0; bit < 64; bit++) bits[at + bit] = Number((word(index) >> BigInt(bit)) & 1n);
  }
  return bits;
}
