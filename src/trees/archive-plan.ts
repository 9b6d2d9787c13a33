import { displayPath, parentPath } from "../model/byte-path.ts";
import type { BytePath } from "../model/tree.ts";
import type { ArchiveMember } from "./archive-member.ts";
import { type ArchiveSource, archiveLimits } from "./archive-source.ts";

export interface DirectoryAttributes {
  readonly mode: number;
  readonly mtimeNs: bigint;
}

type MemberType = ArchiveMember["type"];

const memberTypes: readonly MemberType[] = ["file", "directory", "symlink", "hardlink"];

/**
 * Kind and number of the entry that a path stands for, as one number: an object for each of two million would cost a
 * hundred megabytes. The number is -1 for a directory that is only implied.
 */
type Planned = number;

function plannedAs(type: MemberType, index: number): Planned {
  return (index + 1) * memberTypes.length + memberTypes.indexOf(type);
}

function indexOf(planned: Planned): number {
  return Math.floor(planned / memberTypes.length) - 1;
}

function typeOf(planned: Planned): MemberType {
  return memberTypes[planned % memberTypes.length] ?? "file";
}

/**
 * What an archive amounts to, found out by reading it once. Later entries replace earlier ones of the same name and kind, as they do
 * on a disk; whatever would depend on what is on a disk at which moment is refused.
 */
export class ArchivePlan {
  readonly #source: ArchiveSource;
  readonly #planned = new Map<BytePath, Planned>([["", plannedAs("directory", -1)]]);
  /** Of directories that something before them needed already. */
  readonly #late = new Map<BytePath, DirectoryAttributes>();
  readonly #linkTexts = new Map<BytePath, BytePath>();
  /** The file that each hard link is a name of. */
  readonly #linkedFiles = new Map<BytePath, BytePath>();
  /** Files that have a hard link, and so may not be replaced any more. */
  readonly #shared = new Set<BytePath>();
  #memberCount = 0;
  #bytes = 0;
  #nameBytes = 0;

  constructor(source: ArchiveSource) {
    this.#source = source;
  }

  add(member: ArchiveMember): void {
    const index = this.#count(member);
    const { path, type } = member;
    this.#checkParents(path);
    const earlier = this.#typeAt(path);
    if (earlier !== undefined) this.#checkReplacement(member, earlier);
    if (type === "directory" && earlier !== undefined) this.#late.set(path, member);
    if (type === "hardlink") this.#link(member);
    if (type === "symlink") this.#linkTexts.set(path, member.target);
    this.#planned.set(path, plannedAs(type, index));
  }

  /** Whether the entry of this number is what its path stands for in the end. */
  isFinal(path: BytePath, index: number): boolean {
    const planned = this.#planned.get(path);
    return planned !== undefined && indexOf(planned) === index;
  }

  /** What a directory gets when something before its own entry needs it; undefined when the archive does not say. */
  lateAttributes(path: BytePath): DirectoryAttributes | undefined {
    return this.#late.get(path);
  }

  /** What a hard link is: another name of a file, or a symbolic link with the text of its target. */
  linkOf(path: BytePath): { readonly file: BytePath } | { readonly text: BytePath } {
    const file = this.#linkedFiles.get(path);
    return file === undefined ? { text: this.#linkTexts.get(path) ?? "" } : { file };
  }

  #typeAt(path: BytePath): MemberType | undefined {
    const planned = this.#planned.get(path);
    return planned === undefined ? undefined : typeOf(planned);
  }

  #count({ path, size, target }: ArchiveMember): number {
    this.#bytes += size;
    this.#nameBytes += path.length + target.length;
    if (this.#memberCount >= archiveLimits.entriesMax)
      throw this.#source.refused(`it has more than ${archiveLimits.entriesMax} entries`);
    if (this.#bytes > archiveLimits.bytesMax)
      throw this.#source.refused(`its files have more than ${archiveLimits.bytesMax} bytes`);
    if (this.#nameBytes > archiveLimits.nameBytesMax)
      throw this.#source.refused(`its names have more than ${archiveLimits.nameBytesMax} bytes`);
    return this.#memberCount++;
  }

  #checkParents(path: BytePath): void {
    for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
      const known = this.#typeAt(parent);
      if (known === "directory") return;
      if (known !== undefined)
        throw this.#source.refusedEntry(path, `the parent ${displayPath(parent)} is a ${known}`);
      this.#planned.set(parent, plannedAs("directory", -1));
      this.#nameBytes += parent.length;
    }
  }

  #checkReplacement({ path, type }: ArchiveMember, earlier: MemberType): void {
    if (earlier !== type)
      throw this.#source.refusedEntry(path, `an earlier entry of this name is a ${earlier}`);
    if (this.#shared.has(path))
      throw this.#source.refusedEntry(path, "it comes again after a hard link to it");
  }

  #link({ path, target }: ArchiveMember): void {
    const type = target === path ? undefined : this.#typeAt(target);
    switch (type) {
      case undefined:
        throw this.#source.refusedEntry(
          path,
          `the hard link's target ${displayPath(target)} did not come before it`,
        );
      case "directory":
        throw this.#source.refusedEntry(path, `the hard link's target is a directory`);
      case "symlink":
        this.#copyLink(path, this.#linkTexts.get(target));
        return;
      case "file":
        this.#shareFile(path, target);
        return;
      case "hardlink": {
        const link = this.linkOf(target);
        if ("file" in link) this.#shareFile(path, link.file);
        else this.#copyLink(path, link.text);
      }
    }
  }

  #copyLink(path: BytePath, text = ""): void {
    this.#linkedFiles.delete(path);
    this.#linkTexts.set(path, text);
  }

  #shareFile(path: BytePath, file: BytePath): void {
    this.#shared.add(file);
    this.#linkedFiles.set(path, file);
  }
}
