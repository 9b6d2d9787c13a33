import { closeSync, constants, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { extract } from "tar-stream";
import { PyroError } from "../model/errors.ts";
import { temporaryNeighbour, writeFileAtomically } from "../platform/files.ts";
import { acquireLock } from "../platform/lock.ts";
import { runTool, startTool } from "../platform/tools.ts";

/** Size of every machine's disk as the guest sees it; the file on the host is sparse. */
export const diskBytes = 32 * 1024 ** 3;

const blockBytes = 4096;
const headerBytes = 16;
const magic = 0x70797264;

/** Changes when the format below or the options of mke2fs do. */
export const blankDiskVersion = 1;

/**
 * One empty ext4 file system, kept as its few non-zero blocks: writing those into a sparse file
 * makes a formatted disk in about a millisecond, without a copy of the empty rest.
 */
export interface BlankDisk {
  /** Writes the file system into an open, empty file. */
  writeTo(fd: number): void;
  /** A formatted file that has no name and is gone when `fd` is closed. */
  createUnnamed(directory: string): number;
}

/** The blank disk from the cache, made with mke2fs when it is missing. */
export async function ensureBlankDisk(cacheDirectory: string): Promise<BlankDisk> {
  const path = join(cacheDirectory, `blank-disk-${blankDiskVersion}.bin`);
  const found = await readFile(path).catch(() => undefined);
  if (found !== undefined && isBlankDisk(found)) return blankDisk(found);
  using _lock = await acquireLock(`${path}.lock`);
  const made = await formatBlankDisk(path);
  await writeFileAtomically(path, made);
  return blankDisk(made);
}

function isBlankDisk(content: Buffer): boolean {
  return (
    content.length > headerBytes &&
    content.readUInt32LE(0) === magic &&
    content.length === headerBytes + content.readUInt32LE(4) * (8 + blockBytes)
  );
}

/** Layout: magic, block count, 8 spare bytes; then each block's offset (64 bits); then the blocks. */
function blankDisk(content: Buffer): BlankDisk {
  const count = content.readUInt32LE(4);
  const blocksAt = headerBytes + count * 8;
  const writeTo = (fd: number) => {
    ftruncateSync(fd, diskBytes);
    for (const run of runs(content, count))
      writeSync(
        fd,
        content,
        blocksAt + run.first * blockBytes,
        run.length * blockBytes,
        run.offset,
      );
  };
  const createUnnamed = (directory: string) => {
    const fd = openUnnamed(directory);
    try {
      writeTo(fd);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  };
  return { writeTo, createUnnamed };
}

/** Neighbouring blocks as one write. */
function* runs(
  content: Buffer,
  count: number,
): Generator<{ first: number; length: number; offset: number }> {
  const offsetOf = (index: number) => Number(content.readBigUInt64LE(headerBytes + index * 8));
  for (let first = 0; first < count; ) {
    let length = 1;
    while (
      first + length < count &&
      offsetOf(first + length) === offsetOf(first) + length * blockBytes
    )
      length++;
    yield { first, length, offset: offsetOf(first) };
    first += length;
  }
}

/** O_TMPFILE, which Node does not name. */
const openTemporary = 0o20200000;

function openUnnamed(directory: string): number {
  return openSync(directory, constants.O_RDWR | openTemporary, 0o600);
}

async function formatBlankDisk(path: string): Promise<Buffer> {
  const directory = temporaryNeighbour(path);
  await mkdir(directory, { mode: 0o700 });
  try {
    const image = await open(join(directory, "disk"), "wx", 0o600);
    await image.truncate(diskBytes);
    await image.close();
    const features = [
      "-t",
      "ext4",
      "-q",
      "-F",
      "-m",
      "0",
      "-b",
      String(blockBytes),
      "-i",
      "32768",
      "-J",
      "size=64",
      "-O",
      "^resize_inode",
    ];
    const lazy = "lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0";
    const identifier = "00000000-0000-4000-8000-000000000000";
    await runTool("mke2fs", [...features, "-E", lazy, "-U", identifier, join(directory, "disk")], {
      packageName: "e2fsprogs",
    });
    return encode(await nonZeroBlocks(directory));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Reads the data of a sparse file through GNU tar, the one tool everywhere that finds holes. */
async function nonZeroBlocks(directory: string): Promise<Map<number, Buffer>> {
  const tool = startTool(
    "tar",
    [
      "--create",
      "--format=posix",
      "--sparse",
      "--sparse-version=1.0",
      "--directory",
      directory,
      "disk",
    ],
    { packageName: "tar" },
  );
  const blocks = new Map<number, Buffer>();
  for await (const entry of tool.stdout.pipe(extract())) {
    await readSparseEntry(entry as AsyncIterable<Buffer>, blocks);
  }
  await tool.done;
  if (blocks.size === 0)
    throw new PyroError("environment_build_failed", "mke2fs made an empty disk.");
  return blocks;
}

/** GNU sparse format 1.0: a decimal map, one number a line, padded to 512 bytes, then the data. */
async function readSparseEntry(
  entry: AsyncIterable<Buffer>,
  blocks: Map<number, Buffer>,
): Promise<void> {
  const content = Buffer.concat(await Array.fromAsync(entry));
  let at = 0;
  const number = () => {
    const end = content.indexOf(10, at);
    const value = Number(content.toString("latin1", at, end));
    at = end + 1;
    return value;
  };
  const map = Array.from({ length: number() }, () => ({ offset: number(), size: number() }));
  at = Math.ceil(at / 512) * 512;
  for (const { offset, size } of map) {
    collectBlocks(content.subarray(at, at + size), offset, blocks);
    at += size;
  }
}

function collectBlocks(data: Buffer, offset: number, blocks: Map<number, Buffer>): void {
  for (let at = 0; at < data.length; at += blockBytes) {
    const block = data.subarray(at, at + blockBytes);
    if (block.some((byte) => byte !== 0)) blocks.set(offset + at, block);
  }
}

function encode(blocks: ReadonlyMap<number, Buffer>): Buffer {
  const sorted = [...blocks].sort(([a], [b]) => a - b);
  const header = Buffer.alloc(headerBytes + sorted.length * 8);
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(sorted.length, 4);
  for (const [index, [offset]] of sorted.entries())
    header.writeBigUInt64LE(BigInt(offset), headerBytes + index * 8);
  const padded = sorted.map(([, block]) =>
    block.length === blockBytes
      ? block
      : Buffer.concat([block, Buffer.alloc(blockBytes - block.length)]),
  );
  return Buffer.concat([header, ...padded]);
}
