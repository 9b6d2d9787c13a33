import { open, rm } from "node:fs/promises";
import { namingNoSpace } from "../platform/files.ts";
import { FrameCompressor } from "../platform/frame-compressor.ts";
import { readSparseFile } from "../platform/sparse-file.ts";
import { writeFully } from "../platform/write-fully.ts";
import type { ChunkStore } from "./chunk-store.ts";

/** Large enough to compress well, small enough that a small change stays small. */
const chunkBytes = 512 * 1024;
/** Chunks being unpacked and checked at once. */
const parallelMax = 4;
const blockBytes = 4096;

/** A disk as a list of chunks; what lies between them is zeros. */
export interface DiskImage {
  readonly diskBytes: number;
  /** Offset, length and digest of each chunk, in order. */
  readonly chunks: readonly (readonly [offset: number, length: number, digest: string])[];
}

export interface CaptureSource {
  /** A sparse file, which nobody may write to meanwhile. */
  readonly path: string;
  readonly diskBytes: number;
  /** Digests of the chunks that need not be stored again; grows by those that were. */
  readonly sound: Set<string>;
}

/** Stores a disk. */
export async function captureImage(
  store: ChunkStore,
  { path, diskBytes, sound }: CaptureSource,
): Promise<{ image: DiskImage; storedBytes: number }> {
  const chunks: [number, number, string][] = [];
  const compressor = new FrameCompressor();
  let storedBytes = 0;
  const keep = async (offset: number, data: Buffer): Promise<void> => {
    const stored = await store.put(data, { compressor, sound });
    chunks.push([offset, data.length, stored.digest]);
    storedBytes += stored.storedBytes;
  };
  // One chunk is kept while the next is read.
  let kept = Promise.resolve();
  try {
    for await (const { offset, data } of alignedChunks(path)) {
      await kept;
      kept = keep(offset, data);
      // Its failure is seen by whoever waits next.
      kept.catch(() => undefined);
    }
    await kept;
  } finally {
    await kept.catch(() => undefined);
    compressor.close();
  }
  return { image: { diskBytes, chunks }, storedBytes };
}

/** Writes the disk to `path`, which must not exist; every chunk is checked on its way. */
export async function restoreImage(
  store: ChunkStore,
  image: DiskImage,
  path: string,
): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.truncate(image.diskBytes);
    for (let at = 0; at < image.chunks.length; at += parallelMax) {
      const group = image.chunks.slice(at, at + parallelMax);
      const parts = await Promise.all(group.map(([, length, digest]) => store.get(digest, length)));
      for (const [index, part] of parts.entries())
        for (const run of dataRuns(part))
          await writeFully(
            file.fd,
            part.subarray(run.start, run.start + run.length),
            (group[index]?.[0] ?? 0) + run.start,
          );
    }
  } catch (error) {
    await rm(path, { force: true });
    throw namingNoSpace(error, path);
  } finally {
    await file.close();
  }
}

/**
 * The file's data in chunks that begin at multiples of their size, so that equal disks have equal chunks. A chunk's bytes are
 * overwritten when the one after the next is asked for.
 */
async function* alignedChunks(path: string): AsyncGenerator<{ offset: number; data: Buffer }> {
  const buffers = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)] as const;
  let number = 0;
  let current: { offset: number; data: Buffer; end: number } | undefined;
  const finish = ({ offset, data, end }: NonNullable<typeof current>) => ({
    offset,
    data: data.subarray(0, end),
  });
  for await (const piece of readSparseFile(path)) {
    for (let at = 0; at < piece.data.length; ) {
      const position = piece.offset + at;
      const offset = position - (position % chunkBytes);
      if (current?.offset !== offset) {
        if (current) yield finish(current);
        current = { offset, data: buffers[number++ % 2 === 0 ? 0 : 1].fill(0), end: 0 };
      }
      const part = piece.data.subarray(at, at + offset + chunkBytes - position);
      current.data.set(part, position - offset);
      current.end = position - offset + part.length;
      at += part.length;
    }
  }
  if (current) yield finish(current);
}

const zeros = Buffer.alloc(blockBytes);

/** The runs of blocks that hold anything: a restored disk is as sparse as it was. */
function* dataRuns(data: Buffer): Generator<{ start: number; length: number }> {
  let start = -1;
  for (let at = 0; at < data.length; at += blockBytes) {
    const end = Math.min(at + blockBytes, data.length);
    const isZero = data.compare(zeros, 0, end - at, at, end) === 0;
    if (!isZero && start < 0) start = at;
    if (isZero && start >= 0) {
      yield { start, length: at - start };
      start = -1;
    }
  }
  if (start >= 0) yield { start, length: data.length - start };
}
