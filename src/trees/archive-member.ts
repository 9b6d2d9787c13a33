import { extract, type Header } from "tar-stream";
import { checkRelativePath, fromUtf8 } from "../model/byte-path.ts";
import { PyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";
import type { BytePath } from "../model/tree.ts";
import { drained } from "../platform/stream-events.ts";
import { type ArchiveSource, archiveLimits } from "./archive-source.ts";

/** One entry of an archive, checked as far as it can be by itself. */
export interface ArchiveMember {
  /** Empty for the archive's own directory. */
  readonly path: BytePath;
  readonly type: "file" | "directory" | "symlink" | "hardlink";
  readonly mode: number;
  /** Of the file, once its holes are filled. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** A symbolic link's text, a hard link's path; empty otherwise. */
  readonly target: BytePath;
  /** Whether the body begins with a map of the file's data. */
  readonly isSparse: boolean;
  readonly body: AsyncIterable<Buffer>;
}

/** As latin1 every byte of a name survives; the library has the option but does not declare it. */
const extractOptions = { filenameEncoding: "latin1" } as Parameters<typeof extract>[0];

type Entry = { readonly header: Header } & AsyncIterable<unknown>;
type Pax = Readonly<Record<string, string | undefined>>;

/** The entries of an archive in their order; a body is skipped unless it is read before the next entry is asked for. */
export async function* archiveMembers(source: ArchiveSource): AsyncGenerator<ArchiveMember> {
  const extractor = extract(extractOptions);
  const feeding = feed(source.read(), extractor);
  try {
    for await (const entry of extractor) {
      yield memberOf(entry, source);
      if (!entry.destroyed) for await (const _ of entry);
    }
    await feeding;
  } catch (error) {
    if (error instanceof PyroError) throw error;
    throw source.refused(`it is damaged: ${visibleText(String(error))}`, error);
  } finally {
    extractor.destroy(null);
    await feeding.catch(() => undefined);
  }
}

async function feed(bytes: AsyncIterable<Buffer>, extractor: ReturnType<typeof extract>) {
  try {
    for await (const chunk of bytes) {
      if (extractor.destroyed) return;
      if (!extractor.write(chunk)) await drained(extractor);
    }
    extractor.end(undefined);
  } catch (error) {
    extractor.destroy(error as Error);
  }
}

const types: ReadonlyMap<string, ArchiveMember["type"]> = new Map([
  ["file", "file"],
  ["contiguous-file", "file"],
  ["directory", "directory"],
  ["symlink", "symlink"],
  ["link", "hardlink"],
]);

function memberOf(entry: Entry, source: ArchiveSource): ArchiveMember {
  const { header } = entry;
  const pax = paxOf(header);
  const shownName = pax.path ? fromUtf8(header.name) : header.name;
  const refuse = (rule: string) => source.refusedEntry(shownName, rule);
  const type = types.get(header.type ?? "");
  if (type === undefined) throw refuse(unsupported(header.type));
  const isSparse = isSparseMember(pax, refuse);
  const size = sizeOf(header, isSparse ? pax["GNU.sparse.realsize"] : pax.size);
  if (size === undefined) throw refuse("the size is not a number that can be");
  if (type !== "file" && type !== "directory" && size > 0)
    throw refuse("a link has content of its own");
  return {
    path: pathOf(header, type, refuse),
    type,
    mode: (header.mode ?? 0) & 0o7777,
    size: type === "file" ? size : 0,
    mtimeNs: mtimeOf(header, pax.mtime),
    target: targetOf(header, type, refuse),
    isSparse,
    body: entry as AsyncIterable<Buffer>,
  };
}

function paxOf(header: Header): Pax {
  return (header.pax ?? {}) as Pax;
}

type Refuse = (rule: string) => PyroError;

function unsupported(type: string | null): string {
  if (type) return `a ${type.replace("-", " ")} cannot be copied`;
  return "the kind is not supported; sparse files must be stored with --format=posix";
}

function isSparseMember(pax: Pax, refuse: Refuse): boolean {
  const keys = Object.keys(pax).filter((key) => key.startsWith("GNU.sparse."));
  if (keys.length === 0) return false;
  if (pax["GNU.sparse.major"] === "1" && pax["GNU.sparse.minor"] === "0") return true;
  throw refuse("the sparse format is not supported; version 1.0 is");
}

function sizeOf(header: Header, paxSize: string | undefined): number | undefined {
  // The library reads a size leniently; what it read must at least be what is meant here.
  if (paxSize !== undefined && !/^\d{1,15}$/.test(paxSize)) return undefined;
  const stored = header.size;
  if (typeof stored !== "number" || !Number.isSafeInteger(stored) || stored < 0) return undefined;
  const size = paxSize === undefined ? stored : Number(paxSize);
  return size <= archiveLimits.bytesMax ? size : undefined;
}

function pathOf(header: Header, type: ArchiveMember["type"], refuse: Refuse): BytePath {
  const pax = paxOf(header);
  const raw = rawName(header.name, pax["GNU.sparse.name"] || pax.path, refuse);
  const path = plainPath(type === "directory" ? raw.replace(/\/+$/, "/") : raw);
  const broken = checkRelativePath(path);
  if (broken !== undefined) throw refuse(`the name is unusable: ${broken}`);
  if (path === "" && type !== "directory") throw refuse("only a directory can have this name");
  return path;
}

function targetOf(header: Header, type: ArchiveMember["type"], refuse: Refuse): BytePath {
  if (type === "file" || type === "directory") return "";
  const raw = rawName(header.linkname ?? "", paxOf(header).linkpath, refuse);
  if (raw === "" || raw.includes("\0") || raw.length > 4095)
    throw refuse("the link's target is empty, too long or has a NUL");
  if (type === "symlink") return raw;
  const target = plainPath(raw);
  const broken = target === "" ? "it is the archive itself" : checkRelativePath(target);
  if (broken !== undefined) throw refuse(`the hard link's target is unusable: ${broken}`);
  return target;
}

/** A name's bytes. In a PAX record the library has decoded them as UTF-8, for better or worse. */
function rawName(name: string, paxName: string | undefined, refuse: Refuse): BytePath {
  if (paxName === undefined || paxName === "") return name;
  if (paxName.includes("\ufffd")) throw refuse("a name is not UTF-8, as its format demands");
  return fromUtf8(paxName);
}

/** Without the `./` that archives begin names with, and a directory's last slash. */
function plainPath(raw: BytePath): BytePath {
  const path = raw.replace(/^(\.\/)+/, "");
  if (path === "." || path === "") return "";
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function mtimeOf(header: Header, paxTime: string | undefined): bigint {
  const match = /^(-?)(\d{1,10})(?:\.(\d{1,30}))?$/.exec(paxTime ?? "");
  if (match !== null) {
    const [, sign, seconds = "0", fraction = ""] = match;
    const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
    return sign === "-" ? -ns : ns;
  }
  const ms = header.mtime?.getTime() ?? 0;
  return Math.abs(ms) < 9e12 ? BigInt(Math.trunc(ms)) * 1_000_000n : 0n;
}
