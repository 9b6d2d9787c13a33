import { createHash } from "node:crypto";
import { closeSync, fchmodSync, ftruncateSync, futimesSync, openSync } from "node:fs";
import { displayPath } from "../model/byte-path.ts";
import { PyroError } from "../model/errors.ts";
import type { ContentPiece, TreeEntry } from "../model/tree.ts";
import { openFlags } from "../platform/descriptor-path.ts";
import { writeFully } from "../platform/write-fully.ts";
import { pieceBytes } from "./encode-tree.ts";
import { fileTime } from "./file-time.ts";
import { type Hash, hashZeros } from "./hash-zeros.ts";

/** Writes one new file at `path`, holes as holes; returns its SHA-256 in hex. */
export async function writeNewFile(
  path: Buffer,
  entry: TreeEntry,
  content: AsyncIterable<ContentPiece>,
): Promise<string> {
  const fd = openSync(path, openFlags.newFile, 0o600);
  try {
    const hash = createHash("sha256");
    const written = await writeContent(fd, checked(entry, content), hash);
    if (written < entry.size) throw mismatch(entry);
    ftruncateSync(fd, entry.size);
    futimesSync(fd, fileTime(entry.mtimeNs), fileTime(entry.mtimeNs));
    fchmodSync(fd, entry.mode & 0o777);
    return hash.digest("hex");
  } finally {
    closeSync(fd);
  }
}

async function writeContent(
  fd: number,
  content: AsyncIterable<ContentPiece>,
  hash: Hash,
): Promise<number> {
  let at = 0;
  for await (const piece of content) {
    if (Buffer.isBuffer(piece)) {
      hash.update(piece);
      await writeFully(fd, piece, at);
      at += piece.length;
    } else {
      await hashZeros(hash, piece.holeBytes);
      at += piece.holeBytes;
    }
  }
  return at;
}

/** Never more than was announced, because that is what limits and free room were held against. */
async function* checked(
  entry: TreeEntry,
  content: AsyncIterable<ContentPiece>,
): AsyncGenerator<ContentPiece> {
  let left = entry.size;
  for await (const piece of content) {
    left -= pieceBytes(piece);
    if (left < 0) throw mismatch(entry);
    yield piece;
  }
}

function mismatch({ path, size }: TreeEntry): PyroError {
  const text = `The content of ${displayPath(path)} does not have the ${size} bytes that were announced.`;
  return new PyroError("export_refused", text);
}
