import { parentPath } from "../model/byte-path.ts";
import type { BytePath, ContentPiece, TreeEntry, TreeItem } from "../model/tree.ts";
import { type ArchiveMember, archiveMembers } from "./archive-member.ts";
import { ArchivePlan, type DirectoryAttributes } from "./archive-plan.ts";
import { ArchiveSource } from "./archive-source.ts";
import { keepOpen } from "./keep-open.ts";
import { sparseContent } from "./sparse-member.ts";

export { isArchiveName } from "./archive-source.ts";

export interface ReadArchiveOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The tree in a `.tar`, `.tar.gz` or `.tgz` file, itself first. The archive is read twice and never unpacked: once to
 * refuse it as a whole (`archive_refused`) before anything of it is used, once for its content. Owners are ignored and extended
 * attributes left out; directories that it does not name get mode 0755.
 */
export async function* readArchive(
  path: string,
  { signal }: ReadArchiveOptions = {},
): AsyncGenerator<TreeItem> {
  using source = new ArchiveSource(path);
  const plan = new ArchivePlan(source);
  for await (const member of archiveMembers(source)) {
    signal?.throwIfAborted();
    plan.add(member);
  }
  const reader = new ArchiveReader(source, plan);
  yield* reader.directory("");
  let index = 0;
  for await (const member of archiveMembers(source)) {
    signal?.throwIfAborted();
    source.requireUnchanged();
    yield* reader.items(member, index++);
  }
}

class ArchiveReader {
  readonly #source: ArchiveSource;
  readonly #plan: ArchivePlan;
  readonly #directories = new Set<BytePath>();

  constructor(source: ArchiveSource, plan: ArchivePlan) {
    this.#source = source;
    this.#plan = plan;
  }

  *items(member: ArchiveMember, index: number): Generator<TreeItem> {
    if (member.type === "directory") {
      yield* this.directory(member.path, member);
      return;
    }
    if (!this.#plan.isFinal(member.path, index)) return;
    yield* this.directory(parentPath(member.path));
    yield this.#item(member);
  }

  /** The directory and those it is in, unless they came already. */
  *directory(path: BytePath, own?: DirectoryAttributes): Generator<TreeItem> {
    if (this.#directories.has(path)) return;
    this.#directories.add(path);
    if (path !== "") yield* this.directory(parentPath(path));
    const attributes = this.#plan.lateAttributes(path) ?? own;
    const { mode, mtimeNs } = attributes ?? { mode: 0o755, mtimeNs: this.#source.mtimeNs };
    yield { entry: { ...plainEntry, path, type: "directory", mode, mtimeNs } };
  }

  #item(member: ArchiveMember): TreeItem {
    const { path, type, mode, mtimeNs, target, size } = member;
    const entry: TreeEntry = { ...plainEntry, path, type, mode, mtimeNs, target, size };
    if (type === "file") return { entry, content: this.#content(member) };
    if (type !== "hardlink") return { entry };
    const link = this.#plan.linkOf(path);
    return "file" in link
      ? { entry: { ...entry, target: link.file } }
      : { entry: { ...entry, type: "symlink", target: link.text } };
  }

  async *#content({ path, size, isSparse, body }: ArchiveMember): AsyncGenerator<ContentPiece> {
    try {
      yield* isSparse ? sparseContent(body, size) : keepOpen(body[Symbol.asyncIterator]());
    } catch (error) {
      if (error instanceof RangeError) throw this.#source.refusedEntry(path, error.message);
      throw error;
    }
  }
}

const plainEntry = {
  uid: 0,
  gid: 0,
  inode: "0",
  digest: null,
  target: "",
  size: 0,
  xattrs: new Map<string, Buffer>(),
};
