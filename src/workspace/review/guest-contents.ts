import type { TreeChange } from "../../changes/tree-change.ts";
import type { AgentClient } from "../../channel/agent-client.ts";
import { displayPath } from "../../model/byte-path.ts";
import { PyroError } from "../../model/errors.ts";
import type { BytePath, TreeItem } from "../../model/tree.ts";
import { decodeScan, decodeTree } from "../../trees/decode-tree.ts";

/** What is fetched at once, and so held in memory: small files, as far as they follow each other. */
const aheadLimits = {
  fileBytes: 1024 * 1024,
  bytes: 8 * 1024 * 1024,
  files: 5000,
  pathBytes: 1024 * 1024,
} as const;

/** Files of the guest as they are now. Small ones are fetched together, in the order in which they are expected to be read. */
export class GuestContents {
  readonly #client: AgentClient;
  readonly #signal: AbortSignal | undefined;
  #expected: readonly TreeChange[] = [];
  /** Where in `#expected` the next stretch most likely begins. */
  #at = 0;
  /** The sizes that the scan told of what was fetched last. */
  #stretch: ReadonlyMap<BytePath, number> = new Map();
  readonly #ahead = new Map<BytePath, Buffer>();

  constructor(client: AgentClient, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#signal = signal;
  }

  /** Says which files will be read, and in which order. */
  expect(changes: readonly TreeChange[]): void {
    this.#expected = changes.filter(
      ({ newType, size }) => newType === "file" && size <= aheadLimits.fileBytes,
    );
    this.#at = 0;
  }

  /** The first `bytesMax` bytes of a file, or all of a shorter one. */
  async read(path: BytePath, bytesMax: number): Promise<Buffer> {
    if (!this.#stretch.has(path)) await this.#fetchFrom(path);
    const fetched = this.#ahead.get(path);
    if (fetched !== undefined) return fetched.subarray(0, bytesMax);
    const { content } = await this.#client.tree.read(path, {
      max: bytesMax,
      signal: this.#signal,
    });
    return content;
  }

  /** The digest the guest has of one file. */
  async digest(path: BytePath): Promise<string | undefined> {
    const scan = await this.#client.tree.scan(path, { digest: true, signal: this.#signal });
    for await (const entry of decodeScan(scan)) return entry.digest ?? undefined;
    return undefined;
  }

  /** Fetches the expected file `path` and those after it; what was fetched before is given up. */
  async #fetchFrom(path: BytePath): Promise<void> {
    const isIt = (change: TreeChange) => change.path === path;
    const further = this.#expected.slice(this.#at, this.#at + aheadLimits.files).findIndex(isIt);
    const from = further < 0 ? this.#expected.findIndex(isIt) : this.#at + further;
    if (from < 0) return;
    this.#ahead.clear();
    this.#stretch = this.#stretchFrom(from);
    this.#at = from + this.#stretch.size;
    const paths = [...this.#stretch.keys()];
    const stream = await this.#client.tree.archive("", { paths, signal: this.#signal });
    const limits = { entriesMax: paths.length, parentsRequired: false };
    for await (const item of decodeTree(stream, limits)) await this.#keep(item);
  }

  /** What is fetched at once, from an expected file on. */
  #stretchFrom(from: number): ReadonlyMap<BytePath, number> {
    const sizes = new Map<BytePath, number>();
    let [bytes, pathBytes] = [0, 0];
    for (const { path, size } of this.#expected.slice(from, from + aheadLimits.files)) {
      bytes += size;
      pathBytes += path.length + 1;
      const isFull = bytes > aheadLimits.bytes || pathBytes > aheadLimits.pathBytes;
      if (isFull && sizes.size > 0) break;
      sizes.set(path, size);
    }
    return sizes;
  }

  /** Keeps a file that is no larger than it was said to be: one that grew meanwhile is read on its own. */
  async #keep({ entry, content }: TreeItem): Promise<void> {
    const size = this.#stretch.get(entry.path);
    if (size === undefined)
      throw new PyroError(
        "guest_protocol_error",
        `The guest sent ${displayPath(entry.path)}, which nobody asked for.`,
      );
    if (content === undefined || entry.size > size) return;
    const bytes = Buffer.alloc(entry.size);
    let at = 0;
    for await (const piece of content)
      at += Buffer.isBuffer(piece) ? piece.copy(bytes, at) : piece.holeBytes;
    this.#ahead.set(entry.path, bytes);
  }
}
