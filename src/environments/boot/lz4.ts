import { PyroError } from "../../model/errors.ts";

const legacyMagic = 0x184c2102;
const minimumMatch = 4;

/** Unpacks LZ4's legacy frame format, the one Linux compresses kernels with. `sizeMax` bounds the output. */
export function unpackLegacyLz4(input: Buffer, sizeMax: number): Buffer {
  if (input.readUInt32LE(0) !== legacyMagic) throw damaged("no LZ4 magic");
  const output = Buffer.allocUnsafe(sizeMax);
  let written = 0;
  for (let at = 4; at + 4 <= input.length; ) {
    const size = input.readUInt32LE(at);
    at += 4;
    // The kernel appends the unpacked size after the last block, and padding may follow.
    if (size === 0 || size > input.length - at) break;
    written = unpackBlock(input.subarray(at, at + size), output, written);
    at += size;
  }
  return output.subarray(0, written);
}

/** Appends one block's content to `output` at `start`; returns where it ends. */
function unpackBlock(block: Buffer, output: Buffer, start: number): number {
  let read = 0;
  let write = start;
  const byte = () => {
    const value = block[read++];
    if (value === undefined) throw damaged("block ends early");
    return value;
  };
  const longLength = (nibble: number) => {
    let length = nibble;
    if (nibble === 15) for (let more = 255; more === 255; length += more) more = byte();
    return length;
  };
  for (;;) {
    const token = byte();
    const literals = longLength(token >> 4);
    if (read + literals > block.length || write + literals > output.length)
      throw damaged("literals leave the block");
    block.copy(output, write, read, read + literals);
    read += literals;
    write += literals;
    if (read === block.length) return write;
    const distance = byte() | (byte() << 8);
    const length = longLength(token & 15) + minimumMatch;
    if (distance === 0 || distance > write || write + length > output.length)
      throw damaged("match leaves the output");
    copyMatch(output, { write, distance, length });
    write += length;
  }
}

function copyMatch(
  output: Buffer,
  { write, distance, length }: { write: number; distance: number; length: number },
): void {
  if (distance >= length) {
    output.copyWithin(write, write - distance, write - distance + length);
    return;
  }
  // The match overlaps what it writes: every byte may depend on the one before.
  for (let index = 0; index < length; index++)
    output[write + index] = output[write - distance + index] ?? 0;
}

function damaged(why: string): PyroError {
  return new PyroError(
    "environment_build_failed",
    `The guest kernel's compressed image is damaged: ${why}.`,
  );
}
