import { basename, dirname } from "node:path";
import { extract } from "tar-stream";
import { PyroError } from "../model/errors.ts";
import { startTool } from "../platform/tools.ts";
import { DiskContent, diskContentFormat } from "./disk-content.ts";

const { blockBytes, headerBytes, magic } = diskContentFormat;

/** The content of the sparse file `path`, a disk of `diskBytes`. */
export async function captureDisk(path: string, diskBytes: number): Promise<DiskContent> {
  const blocks = await nonZeroBlocks(path);
  const content = blocks.size === 0 ? undefined : DiskContent.decode(encode(blocks, diskBytes));
  if (content === undefined)
    throw new PyroError("environment_build_failed", `The disk ${path} is empty.`);
  return content;
}

function encode(blocks: ReadonlyMap<number, Buffer>, diskBytes: number): Buffer {
  const sorted = [...blocks].sort(([a], [b]) => a - b);
  const header = Buffer.alloc(headerBytes + sorted.length * 8);
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(sorted.length, 4);
  header.writeBigUInt64LE(BigInt(diskBytes), 8);
  for (const [index, [offset]] of sorted.entries())
    header.writeBigUInt64LE(BigInt(offset), headerBytes + index * 8);
  const padded = sorted.map(([, block]) =>
    block.length === blockBytes
      ? block
      : Buffer.concat([block, Buffer.alloc(blockBytes - block.length)]),
  );
  return Buffer.concat([header, ...padded]);
}

/** Reads the data of a sparse file through GNU tar, the one tool everywhere that finds holes. */
async function nonZeroBlocks(path: string): Promise<Map<number, Buffer>> {
  const args = [
    "--create",
    "--format=posix",
    "--sparse",
    "--sparse-version=1.0",
    "--directory",
    dirname(path),
    basename(path),
  ];
  const tool = startTool("tar", args, { packageName: "tar" });
  const blocks = new Map<number, Buffer>();
  for await (const entry of tool.stdout.pipe(extract()))
    await readSparseEntry(entry as AsyncIterable<Buffer>, blocks);
  await tool.done;
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

const zeroBlock = Buffer.alloc(blockBytes);

function collectBlocks(data: Buffer, offset: number, blocks: Map<number, Buffer>): void {
  for (let at = 0; at < data.length; at += blockBytes) {
    const block = data.subarray(at, at + blockBytes);
    if (block.compare(zeroBlock, 0, block.length) !== 0) blocks.set(offset + at, block);
  }
}
