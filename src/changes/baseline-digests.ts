import { baseName, parentPath } from "../model/byte-path.ts";
import type { BytePath, TreeEntry } from "../model/tree.ts";
import type { BaselineEntryLike } from "./tree-change.ts";

export type Baseline = ReadonlyMap<BytePath, BaselineEntryLike>;
/** SHA-256 in hex of a file as it is now; undefined when it is gone. */
export type DigestOf = (path: BytePath) => Promise<string | undefined>;

/**
 * Says which content an entry has that the scan calls `unchanged`. That word speaks of the entry, not of the path: whoever
 * renames a directory changes nothing in the files beneath it. Such a file is found again by its name, size, mode and time, and
 * where these fit two contents, the file is asked.
 */
export class BaselineDigests {
  readonly #baseline: Baseline;
  readonly #digestOf: DigestOf | undefined;
  readonly #moved = new Set<BytePath>();
  #byShape: Map<string, string | null> | undefined;

  constructor(baseline: Baseline, digestOf: DigestOf | undefined) {
    this.#baseline = baseline;
    this.#digestOf = digestOf;
  }

  /** Takes note of a directory; parents come before children. */
  noteDirectory(entry: TreeEntry): void {
    if (entry.digest !== "unchanged" || this.#moved.has(parentPath(entry.path)))
      this.#moved.add(entry.path);
  }

  /** The digest of a file, or undefined when only `read` can tell. */
  known(entry: TreeEntry): string | undefined {
    if (entry.digest !== "unchanged") return entry.digest ?? undefined;
    const before = this.#baseline.get(entry.path);
    const agrees =
      before?.type === "file" && before.size === entry.size && before.mode === entry.mode;
    if (agrees && !this.#moved.has(parentPath(entry.path))) return before.digest ?? undefined;
    const byShape = this.#shapes().get(shapeOf(entry.path, entry));
    return byShape ?? (agrees && !this.#digestOf ? (before.digest ?? undefined) : undefined);
  }

  async read(entry: TreeEntry): Promise<string | null> {
    return (await this.#digestOf?.(entry.path)) ?? null;
  }

  #shapes(): Map<string, string | null> {
    if (this.#byShape) return this.#byShape;
    const shapes = new Map<string, string | null>();
    for (const [path, entry] of this.#baseline) {
      if (entry.type !== "file") continue;
      const shape = shapeOf(path, entry);
      const other = shapes.get(shape);
      shapes.set(shape, other === undefined || other === entry.digest ? entry.digest : null);
    }
    this.#byShape = shapes;
    return shapes;
  }
}

function shapeOf(
  path: BytePath,
  entry: Pick<BaselineEntryLike, "size" | "mode" | "mtimeNs">,
): string {
  return `${entry.size} ${entry.mode} ${entry.mtimeNs} ${baseName(path)}`;
}
