import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { PatchTarget, ReadTarget } from "../../../src/changes/planned-tree.ts";
import type { BaselineEntryLike } from "../../../src/changes/tree-change.ts";
import type { BytePath, TreeEdit, TreeEntry } from "../../../src/model/tree.ts";

/** A tree without directories of its own: git's view. */
export type MemoryTree = Map<BytePath, MemoryFile>;

export interface MemoryFile {
  readonly type: "file" | "symlink";
  readonly mode: number;
  readonly content: Buffer;
}

export function file(content: string | Buffer, mode = 0o644): MemoryFile {
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  return { type: "file", mode, content: bytes };
}

export function link(target: BytePath): MemoryFile {
  return { type: "symlink", mode: 0o777, content: Buffer.from(target, "latin1") };
}

export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The records a scan of the tree would send, directories included, parents first. */
export function entriesOf(tree: MemoryTree): TreeEntry[] {
  const common = { mtimeNs: 0n, uid: 0, gid: 0, inode: "0", xattrs: new Map<string, Buffer>() };
  const entries = new Map<BytePath, TreeEntry>();
  for (const [path, { type, mode, content }] of tree) {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      const parent = path.slice(0, at);
      const directory = {
        type: "directory",
        mode: 0o755,
        size: 0,
        digest: null,
        target: "",
      } as const;
      entries.set(parent, { ...common, ...directory, path: parent });
    }
    const isFile = type === "file";
    entries.set(path, {
      ...common,
      path,
      type,
      mode,
      size: isFile ? content.length : 0,
      digest: isFile ? sha256(content) : null,
      target: isFile ? "" : content.toString("latin1"),
    });
  }
  return [...entries.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
}

export function baselineOf(tree: MemoryTree): Map<BytePath, BaselineEntryLike> {
  return new Map(
    entriesOf(tree).map(({ path, type, mode, size, mtimeNs, digest, target }) => [
      path,
      { type, mode, size, mtimeNs, digest, target },
    ]),
  );
}

export function readerOf(tree: MemoryTree): (path: BytePath) => Promise<Buffer> {
  return async (path) => {
    const found = tree.get(path);
    if (found?.type !== "file") throw new Error(`no file ${JSON.stringify(path)}`);
    return found.content;
  };
}

export function targetReaderOf(tree: MemoryTree): ReadTarget {
  return async (path): Promise<PatchTarget | undefined> => {
    const found = tree.get(path);
    if (found) return found;
    for (const other of tree.keys())
      if (other.startsWith(`${path}/`))
        return { type: "directory", mode: 0o755, content: Buffer.alloc(0) };
    return undefined;
  };
}

/** What the agent makes of the operations, with every expectation checked first. */
export function applyOperations(tree: MemoryTree, operations: readonly TreeEdit[]): MemoryTree {
  const result: MemoryTree = new Map(tree);
  for (const { path, expect } of operations) {
    const there = tree.get(path);
    if ((there ? sha256(there.content) : null) !== expect)
      throw new Error(`${JSON.stringify(path)} is not as expected`);
  }
  for (const operation of operations) {
    const { path } = operation;
    const there = tree.get(path);
    if (operation.op === "delete") result.delete(path);
    else if (operation.op === "symlink") result.set(path, link(operation.target));
    else if (operation.op === "write")
      result.set(path, file(operation.content, operation.mode ?? there?.mode ?? 0o644));
    else if (there) result.set(path, { ...there, mode: operation.mode });
  }
  return result;
}

/** The tree as text that tells trees apart; of the permissions only what git keeps. */
export function describeTree(tree: MemoryTree): string[] {
  return [...tree]
    .map(([path, { type, mode, content }]) => {
      const kind = type === "symlink" ? "link" : mode & 0o100 ? "executable" : "file";
      return `${JSON.stringify(path)} ${kind} ${JSON.stringify(content.toString("latin1"))}`;
    })
    .sort();
}

export function writeTree(directory: string, tree: MemoryTree): void {
  for (const [path, { type, mode, content }] of tree) {
    const slash = path.lastIndexOf("/");
    mkdirSync(at(directory, slash < 0 ? "" : path.slice(0, slash)), { recursive: true });
    if (type === "symlink") symlinkSync(content, at(directory, path));
    else {
      writeFileSync(at(directory, path), content);
      chmodSync(at(directory, path), mode);
    }
  }
}

export function readTree(directory: string, under: BytePath = ""): MemoryTree {
  const tree: MemoryTree = new Map();
  for (const name of readdirSync(at(directory, under), { encoding: "buffer" })) {
    const path = `${under === "" ? "" : `${under}/`}${name.toString("latin1")}`;
    if (path === ".git") continue;
    const stats = lstatSync(at(directory, path));
    if (stats.isDirectory()) for (const entry of readTree(directory, path)) tree.set(...entry);
    else if (stats.isSymbolicLink())
      tree.set(
        path,
        link(readlinkSync(at(directory, path), { encoding: "buffer" }).toString("latin1")),
      );
    else tree.set(path, file(readFileSync(at(directory, path)), stats.mode & 0o777));
  }
  return tree;
}

function at(directory: string, path: BytePath): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, "latin1")]);
}
