import { displayPath } from "../model/byte-path.ts";
import { PyroError } from "../model/errors.ts";
import type { ContentPiece, TreeEntry, TreeItem } from "../model/tree.ts";
import { encodeXattrs, endRecordText, recordLimits, recordText } from "./record.ts";

/** Small entries share a buffer: a send for each would cost more than the entries. */
const batchBytes = 128 * 1024;
/** Content from this size on travels as it is; copying it would cost more than a send. */
const directBytes = 32 * 1024;

/** The tree stream of `items` (docs/protocol.md), in buffers of 32 KiB to 1 MiB. */
export async function* encodeTree(items: AsyncIterable<TreeItem>): AsyncGenerator<Buffer> {
  const batch = new Batch();
  let recordCount = 0;
  for await (const item of items) {
    recordCount++;
    yield* batch.addText(recordText(item.entry));
    if (item.entry.xattrs.size > 0) yield* batch.addBytes(encodeXattrs(item.entry.xattrs));
    if (item.entry.type === "file") yield* encodeContent(item, batch);
  }
  yield* batch.addText(endRecordText(recordCount));
  yield* batch.flush();
}

/** The records of `items` alone; their contents are read to the end and dropped. */
export async function encodeRecords(items: AsyncIterable<TreeItem>): Promise<Buffer> {
  const texts: Buffer[] = [];
  for await (const { entry, content } of items) {
    texts.push(Buffer.from(recordText({ ...entry, xattrs: new Map() }), "latin1"));
    for await (const _piece of content ?? []);
  }
  texts.push(Buffer.from(endRecordText(texts.length), "latin1"));
  return Buffer.concat(texts);
}

async function* encodeContent(item: TreeItem, batch: Batch): AsyncGenerator<Buffer> {
  let left = item.entry.size;
  for await (const piece of item.content ?? []) {
    const bytes = pieceBytes(piece);
    if (bytes > left) throw contentMismatch(item.entry);
    left -= bytes;
    if (!Buffer.isBuffer(piece)) {
      if (bytes > 0) yield* batch.addHole(bytes);
      continue;
    }
    for (let at = 0; at < bytes; at += recordLimits.chunkBytesMax)
      yield* batch.addChunk(piece.subarray(at, at + recordLimits.chunkBytesMax));
  }
  if (left > 0) throw contentMismatch(item.entry);
  yield* batch.addEnd(item.changedWhileRead?.() === true);
}

/** Bytes of a file that `piece` stands for. */
export function pieceBytes(piece: ContentPiece): number {
  return Buffer.isBuffer(piece) ? piece.length : piece.holeBytes;
}

function contentMismatch({ path, size }: TreeEntry): PyroError {
  return new PyroError(
    "internal",
    `The content of ${displayPath(path)} does not have the ${size} bytes that were announced.`,
  );
}

const tag = { data: 0x44, hole: 0x48, end: 0x45 } as const;

/** Collects small writes; every method yields the buffers that became full. */
class Batch {
  #buffer = Buffer.allocUnsafe(batchBytes);
  #used = 0;

  *addText(text: string): Generator<Buffer> {
    yield* this.#reserve(text.length);
    this.#used += this.#buffer.write(text, this.#used, "latin1");
  }

  *addBytes(bytes: Buffer): Generator<Buffer> {
    if (bytes.length >= directBytes) {
      yield* this.flush();
      yield bytes;
      return;
    }
    yield* this.#reserve(bytes.length);
    bytes.copy(this.#buffer, this.#used);
    this.#used += bytes.length;
  }

  *addChunk(bytes: Buffer): Generator<Buffer> {
    yield* this.#reserve(5);
    this.#buffer[this.#used] = tag.data;
    this.#buffer.writeUInt32BE(bytes.length, this.#used + 1);
    this.#used += 5;
    yield* this.addBytes(bytes);
  }

  *addHole(bytes: number): Generator<Buffer> {
    yield* this.#reserve(9);
    this.#buffer[this.#used] = tag.hole;
    this.#buffer.writeBigUInt64BE(BigInt(bytes), this.#used + 1);
    this.#used += 9;
  }

  *addEnd(changed: boolean): Generator<Buffer> {
    yield* this.#reserve(2);
    this.#buffer[this.#used] = tag.end;
    this.#buffer[this.#used + 1] = changed ? 1 : 0;
    this.#used += 2;
  }

  *flush(): Generator<Buffer> {
    if (this.#used === 0) return;
    yield this.#buffer.subarray(0, this.#used);
    // A new one, because whoever got the old may still be sending it; the rest of a small one is kept.
    this.#buffer =
      this.#buffer.length - this.#used >= directBytes
        ? this.#buffer.subarray(this.#used)
        : Buffer.allocUnsafe(batchBytes);
    this.#used = 0;
  }

  *#reserve(bytes: number): Generator<Buffer> {
    if (this.#buffer.length - this.#used >= bytes) return;
    yield* this.flush();
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafe(batchBytes);
  }
}
