import { malformed } from "./patch-errors.ts";

/** What a reader of git's delta format is at. */
interface DeltaReader {
  readonly delta: Buffer;
  at: number;
}

export interface DeltaOptions {
  /** For messages. */
  readonly lineNumber: number;
  readonly sizeBytesMax: number;
}

/** The content that git's pack delta makes of `base`; undefined when it was made for another base. */
export function applyDelta(base: Buffer, delta: Buffer, options: DeltaOptions): Buffer | undefined {
  const reader: DeltaReader = { delta, at: 0 };
  const broken = malformed(options.lineNumber, "a broken binary delta");
  const baseBytes = readSize(reader);
  const sizeBytes = readSize(reader);
  if (sizeBytes > options.sizeBytesMax) throw broken;
  if (baseBytes !== base.length) return undefined;
  const out = Buffer.alloc(sizeBytes);
  let end = 0;
  while (reader.at < delta.length) {
    const piece = readPiece(reader, base);
    if (piece === undefined || end + piece.length > sizeBytes) throw broken;
    piece.copy(out, end);
    end += piece.length;
  }
  if (end !== sizeBytes) throw broken;
  return out;
}

function readByte(reader: DeltaReader): number {
  const byte = reader.delta[reader.at] ?? 0;
  reader.at += 1;
  return byte;
}

/** Seven bits a byte, lowest first. */
function readSize(reader: DeltaReader): number {
  let size = 0;
  for (let factor = 1; factor <= 128 ** 6; factor *= 128) {
    const byte = readByte(reader);
    size += (byte & 0x7f) * factor;
    if (byte < 0x80) return size;
  }
  return Number.MAX_SAFE_INTEGER;
}

function readPiece(reader: DeltaReader, base: Buffer): Buffer | undefined {
  const command = readByte(reader);
  if (command === 0) return undefined;
  if (command < 0x80) {
    const start = reader.at;
    reader.at += command;
    return reader.at <= reader.delta.length ? reader.delta.subarray(start, reader.at) : undefined;
  }
  const offset = readMasked(reader, command & 0x0f, 4);
  const size = readMasked(reader, (command >> 4) & 0x07, 3) || 0x10000;
  return offset + size <= base.length ? base.subarray(offset, offset + size) : undefined;
}

/** A number of which only the bytes named by `mask` are there. */
function readMasked(reader: DeltaReader, mask: number, byteCount: number): number {
  let value = 0;
  for (let index = 0; index < byteCount; index += 1)
    if (mask & (1 << index)) value += readByte(reader) * 256 ** index;
  return value;
}
