import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fromUtf8 } from "../../../src/model/byte-path.ts";
import { type ErrorCode, PyroError } from "../../../src/model/errors.ts";
import type { ContentPiece, TreeEntry, TreeItem } from "../../../src/model/tree.ts";

/** A directory of one test's own, gone after it whatever is in it. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "pyro-trees-"));
  t.after(() => {
    execFileSync("chmod", ["-R", "u+rwX", path]);
    return rm(path, { recursive: true, force: true });
  });
  return path;
}

export function entry(path: string, changes: Partial<TreeEntry> = {}): TreeEntry {
  return {
    path: fromUtf8(path),
    type: "file",
    mode: changes.type === "directory" ? 0o755 : 0o644,
    size: 0,
    mtimeNs: 1_700_000_000_123_456_789n,
    uid: 0,
    gid: 0,
    inode: "0",
    digest: null,
    target: "",
    xattrs: new Map(),
    ...changes,
  };
}

export const directory = (path: string, mode = 0o755): TreeItem => ({
  entry: entry(path, { type: "directory", mode }),
});

export const symlink = (path: string, target: string): TreeItem => ({
  entry: entry(path, { type: "symlink", target: fromUtf8(target) }),
});

export const hardlink = (path: string, target: string): TreeItem => ({
  entry: entry(path, { type: "hardlink", target: fromUtf8(target) }),
});

export function file(
  path: string,
  content: string | readonly ContentPiece[] = "",
  changes: Partial<TreeEntry> = {},
): TreeItem {
  const pieces = typeof content === "string" ? [Buffer.from(content)] : content;
  const size = pieces.reduce(
    (sum, piece) => sum + ("holeBytes" in piece ? piece.holeBytes : piece.length),
    0,
  );
  return { entry: entry(path, { size, ...changes }), content: from(pieces) };
}

export async function* from<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

/** What an item is, for comparing trees: everything that travels. */
export interface Seen {
  readonly entry: TreeEntry;
  readonly content: Buffer | undefined;
}

export async function collect(items: AsyncIterable<TreeItem>): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const item of items) {
    const pieces: Buffer[] = [];
    for await (const piece of item.content ?? [])
      pieces.push("holeBytes" in piece ? Buffer.alloc(piece.holeBytes) : piece);
    seen.push({ entry: item.entry, content: item.content && Buffer.concat(pieces) });
  }
  return seen;
}

export async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

/** Asserts that `work` fails with this code, and returns the message. */
export async function refusal(work: Promise<unknown>, code: ErrorCode): Promise<string> {
  return (await refusalIfAny(work, code)) ?? assert.fail(`nothing failed with ${code}`);
}

/** Asserts that `work`, should it fail, does so with this code; returns the message, undefined when it did not. */
export async function refusalIfAny(
  work: Promise<unknown>,
  code: ErrorCode,
): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!(error instanceof PyroError)) throw error;
    assert.equal(error.code, code, error.message);
    return error.message;
  }
}

/** A repeatable source of chance. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
