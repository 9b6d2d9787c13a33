import { PyroError } from "../model/errors.ts";
import { readSparseFile } from "../platform/sparse-file.ts";
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
  return Buffer.concat([header, ...sorted.map(([, block]) => block)]);
}

/** The blocks that hold anything, by their offset. Pieces of a file need not keep to blocks. */
async function nonZeroBlocks(path: string): Promise<Map<number, Buffer>> {
  const blocks = new Map<number, Buffer>();
  for await (const { offset, data } of readSparseFile(path)) {
    for (let at = 0; at < data.length; ) {
      const inBlock = (offset + at) % blockBytes;
      const part = data.subarray(at, at + blockBytes - inBlock);
      if (part.compare(zeroBlock, 0, part.length) !== 0)
        blockAt(blocks, offset + at - inBlock).set(part, inBlock);
      at += part.length;
    }
  }
  return blocks;
}

const zeroBlock = Buffer.alloc(blockBytes);

function blockAt(blocks: Map<number, Buffer>, offset: number): Buffer {
  const found = blocks.get(offset) ?? Buffer.alloc(blockBytes);
  blocks.set(offset, found);
  return found;
}
