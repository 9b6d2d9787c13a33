import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ContentPiece, TreeEntry, TreeItem } from "../model/tree.ts";
import { writeFileAtomically } from "../platform/files.ts";
import { baselineFiles } from "./baseline.ts";
import { ContentPackWriter } from "./content-pack.ts";
import { pieceBytes } from "./encode-tree.ts";
import { hashZeros } from "./hash-zeros.ts";
import { keepOpen } from "./keep-open.ts";
import { ManifestBuilder } from "./manifest.ts";

/** Files up to this size are stored once however often they come; larger ones are stored while they are read. */
const wholeBytesMax = 1024 * 1024;

/** Keeps what passes through it: a tree is read once, for the guest and for the host's memory of it. */
export class BaselineWriter {
  readonly #directory: string;
  readonly #pack: ContentPackWriter;
  readonly #manifest = new ManifestBuilder();
  /** Where the content of each digest is. */
  readonly #offsets = new Map<string, number>();

  private constructor(directory: string, pack: ContentPackWriter) {
    this.#directory = directory;
    this.#pack = pack;
  }

  /** Starts a baseline in an existing directory that holds none. */
  static async create(directory: string): Promise<BaselineWriter> {
    const pack = await ContentPackWriter.create(join(directory, baselineFiles.content));
    return new BaselineWriter(directory, pack);
  }

  /** The same items, each recorded once the next one is asked for. */
  async *record(items: AsyncIterable<TreeItem>): AsyncGenerator<TreeItem> {
    for await (const item of items) {
      if (item.entry.type !== "file") {
        this.#manifest.add(item.entry, 0);
        yield item;
      } else if (item.entry.size <= wholeBytesMax) yield await this.#recordWhole(item);
      else yield* this.#recordPassing(item);
    }
  }

  /** To be called after the last item; only then there is a baseline. */
  async finish(): Promise<void> {
    const manifest = await this.#manifest.encode(await this.#pack.finish());
    await writeFileAtomically(join(this.#directory, baselineFiles.manifest), manifest);
  }

  /** Gives up; the files are left to whoever owns the directory. */
  async abandon(): Promise<void> {
    await this.#pack.close();
  }

  async #recordWhole(item: TreeItem): Promise<TreeItem> {
    const data = await collect(item);
    const digest = createHash("sha256").update(data).digest("hex");
    const known = this.#offsets.get(digest);
    this.#remember(item.entry, digest, known ?? this.#pack.position);
    if (known === undefined) await this.#pack.append(data);
    return { ...item, content: once(data) };
  }

  async *#recordPassing(item: TreeItem): AsyncGenerator<TreeItem> {
    const offset = this.#pack.position;
    const hash = createHash("sha256");
    const source = this.#passing(item, hash);
    yield { ...item, content: keepOpen(source) };
    // What the receiver left unread belongs to the baseline nevertheless.
    for await (const _ of source);
    this.#remember(item.entry, hash.digest("hex"), offset);
  }

  async *#passing(
    { content }: TreeItem,
    hash: ReturnType<typeof createHash>,
  ): AsyncGenerator<ContentPiece> {
    for await (const piece of content ?? []) {
      if (Buffer.isBuffer(piece)) {
        hash.update(piece);
        await this.#pack.append(piece);
      } else {
        await hashZeros(hash, piece.holeBytes);
        await this.#pack.appendZeros(piece.holeBytes);
      }
      yield piece;
    }
  }

  #remember(entry: TreeEntry, digest: string, offset: number): void {
    this.#offsets.set(digest, offset);
    this.#manifest.add({ ...entry, digest }, offset);
  }
}

async function collect({ entry, content }: TreeItem): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of content ?? [])
    pieces.push(Buffer.isBuffer(piece) ? piece : Buffer.alloc(pieceBytes(piece)));
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, entry.size);
}

async function* once(data: Buffer): AsyncGenerator<ContentPiece> {
  if (data.length > 0) yield data;
}
