import type { ContentPiece, TreeEntry, TreeItem } from "../model/tree.ts";
import { ByteReader } from "./byte-reader.ts";
import { badEntry, badRecord, parseRecord, recordLimits } from "./record.ts";
import { TreeChecks, type TreeLimits } from "./tree-checks.ts";

/**
 * The items of a guest's tree stream (docs/protocol.md). The guest is hostile: whatever breaks a rule ends the
 * stream with `guest_protocol_error`. Content that the caller leaves unread is skipped.
 */
export async function* decodeTree(
  source: AsyncIterable<Buffer>,
  limits: TreeLimits = {},
): AsyncGenerator<TreeItem> {
  const reader = new ByteReader(source);
  try {
    for await (const entry of entries(reader, limits)) {
      if (entry.type !== "file") {
        yield { entry };
        continue;
      }
      const content = new FileContent(entry, reader);
      yield { entry, content: content.pieces(), changedWhileRead: () => content.changed };
      await content.skip();
    }
  } finally {
    await reader.close();
  }
}

/** The entries of a guest's scan: records without content. */
export async function* decodeScan(
  source: AsyncIterable<Buffer>,
  limits: TreeLimits = {},
): AsyncGenerator<TreeEntry> {
  const reader = new ByteReader(source);
  try {
    yield* entries(reader, limits);
  } finally {
    await reader.close();
  }
}

async function* entries(reader: ByteReader, limits: TreeLimits): AsyncGenerator<TreeEntry> {
  const checks = new TreeChecks(limits);
  for (;;) {
    const parsed = await reader.parse(parseRecord);
    if (parsed.kind === "end") {
      if (parsed.recordCount !== checks.entryCount)
        throw badRecord(
          `${checks.entryCount} records came, but ${parsed.recordCount} were said to`,
        );
      if (!(await reader.ended())) throw badRecord("something follows the end");
      return;
    }
    checks.add(parsed.entry);
    yield parsed.entry;
  }
}

const tag = { data: 0x44, hole: 0x48, end: 0x45 } as const;

/** One file's chunks; remembers how far they were read, so that the rest can be skipped. */
class FileContent {
  readonly #entry: TreeEntry;
  readonly #reader: ByteReader;
  #left: number;
  /** Bytes of the current data chunk that are still to come. */
  #chunkLeft = 0;
  #done = false;
  #changed = false;

  constructor(entry: TreeEntry, reader: ByteReader) {
    this.#entry = entry;
    this.#reader = reader;
    this.#left = entry.size;
  }

  get changed(): boolean {
    return this.#changed;
  }

  async *pieces(): AsyncGenerator<ContentPiece> {
    for (;;) {
      const piece = await this.#next();
      if (piece === undefined) return;
      yield piece;
    }
  }

  async skip(): Promise<void> {
    while ((await this.#next()) !== undefined);
  }

  async #next(): Promise<ContentPiece | undefined> {
    if (this.#done) return undefined;
    if (this.#chunkLeft > 0) return await this.#data();
    const [kind] = await this.#reader.take(1);
    switch (kind) {
      case tag.data:
        this.#chunkLeft = (await this.#reader.take(4)).readUInt32BE();
        if (this.#chunkLeft > recordLimits.chunkBytesMax)
          throw badEntry(this.#entry.path, `a chunk of it has ${this.#chunkLeft} bytes`);
        this.#count(this.#chunkLeft);
        return await this.#data();
      case tag.hole:
        return this.#hole(await this.#reader.take(8));
      case tag.end:
        return this.#end(await this.#reader.take(1));
      default:
        throw badEntry(this.#entry.path, `a chunk of it is of the unknown kind ${kind}`);
    }
  }

  async #data(): Promise<Buffer> {
    const bytes = await this.#reader.takeSome(this.#chunkLeft);
    this.#chunkLeft -= bytes.length;
    return bytes;
  }

  #hole(length: Buffer): ContentPiece {
    const bytes = length.readBigUInt64BE();
    if (bytes > BigInt(this.#left)) throw badEntry(this.#entry.path, "a hole exceeds its size");
    this.#count(Number(bytes));
    return { holeBytes: Number(bytes) };
  }

  #count(bytes: number): void {
    if (bytes === 0) throw badEntry(this.#entry.path, "a chunk of it is empty");
    if (bytes > this.#left)
      throw badEntry(this.#entry.path, `its content exceeds its size of ${this.#entry.size}`);
    this.#left -= bytes;
  }

  #end(flag: Buffer): undefined {
    if (this.#left > 0)
      throw badEntry(this.#entry.path, `${this.#left} bytes of its content are missing`);
    if (flag[0] !== 0 && flag[0] !== 1) throw badEntry(this.#entry.path, "its end is malformed");
    this.#changed = flag[0] === 1;
    this.#done = true;
    return undefined;
  }
}
