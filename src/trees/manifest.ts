import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";
import { PyroError } from "../model/errors.ts";
import type { TreeEntry } from "../model/tree.ts";
import { encodeXattrs, parseRecord, recordText } from "./record.ts";

/** An entry as it is stored, with the place of its content in the pack. */
export interface StoredEntry extends TreeEntry {
  /** Where a file's bytes begin, before compression; 0 for everything else. */
  readonly offset: number;
}

export interface Manifest {
  readonly entries: readonly StoredEntry[];
  /** Compressed size of every frame of the pack. */
  readonly frameSizes: Uint32Array;
}

const magic = Buffer.from("pyro baseline 1\n");
const digestBytes = 32;
/** Frame count, entry count. */
const headerBytes = 8;
/** Two million entries with names of a kilobyte. */
const payloadBytesMax = 2 * 1024 ** 3 - 1;

/** Collects the entries of a manifest in the form in which they are stored. */
export class ManifestBuilder {
  readonly #records: Buffer[] = [];
  readonly #offsets: number[] = [];
  #batch: string[] = [];

  add(entry: TreeEntry, offset: number): void {
    this.#offsets.push(offset);
    this.#batch.push(recordText(entry));
    if (entry.xattrs.size === 0 && this.#batch.length < 1024) return;
    this.#flush();
    if (entry.xattrs.size > 0) this.#records.push(encodeXattrs(entry.xattrs));
  }

  /**
   * The manifest's file: magic, SHA-256 of what follows, then compressed the counts, the frames' sizes (32 bits), the entries' offsets (64
   * bits), and their records as they travel (docs/protocol.md).
   */
  async encode(frameSizes: readonly number[]): Promise<Buffer> {
    this.#flush();
    const header = Buffer.alloc(headerBytes + frameSizes.length * 4 + this.#offsets.length * 8);
    header.writeUInt32LE(frameSizes.length, 0);
    header.writeUInt32LE(this.#offsets.length, 4);
    let at = headerBytes;
    for (const size of frameSizes) at = header.writeUInt32LE(size, at);
    for (const offset of this.#offsets) at = header.writeDoubleLE(offset, at);
    const payload = Buffer.concat([header, ...this.#records]);
    const params = { [constants.ZSTD_c_compressionLevel]: 1 };
    const compressed = await promisify(zstdCompress)(payload, { params });
    return Buffer.concat([magic, sha256(compressed), compressed]);
  }

  #flush(): void {
    this.#records.push(Buffer.from(this.#batch.join(""), "latin1"));
    this.#batch = [];
  }
}

/** The manifest in `file`, checked against its digest. */
export async function decodeManifest(file: Buffer): Promise<Manifest> {
  const start = magic.length + digestBytes;
  if (!file.subarray(0, magic.length).equals(magic)) throw manifestDamaged("it begins wrongly");
  const compressed = file.subarray(start);
  if (!file.subarray(magic.length, start).equals(sha256(compressed)))
    throw manifestDamaged("it does not have its digest");
  try {
    const options = { maxOutputLength: payloadBytesMax, chunkSize: 1024 * 1024 };
    return parsePayload(await promisify(zstdDecompress)(compressed, options));
  } catch (error) {
    throw manifestDamaged("it cannot be understood", error);
  }
}

function parsePayload(payload: Buffer): Manifest {
  const frameSizes = new Uint32Array(payload.readUInt32LE(0));
  const entryCount = payload.readUInt32LE(4);
  for (let index = 0; index < frameSizes.length; index++)
    frameSizes[index] = payload.readUInt32LE(headerBytes + index * 4);
  const offsetsAt = headerBytes + frameSizes.length * 4;
  const entries: StoredEntry[] = [];
  let at = offsetsAt + entryCount * 8;
  while (entries.length < entryCount) {
    const parsed = parseRecord(payload, at);
    if (parsed?.kind !== "entry") throw manifestDamaged("a record is missing");
    const offset = payload.readDoubleLE(offsetsAt + entries.length * 8);
    entries.push({ ...parsed.entry, offset });
    at = parsed.next;
  }
  return { entries, frameSizes };
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

export function manifestDamaged(how: string, cause?: unknown): PyroError {
  return new PyroError("snapshot_damaged", `The stored list of files is damaged: ${how}.`, {
    cause,
  });
}
