import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
} from "node:fs";
import { dirname } from "node:path";
import { encodeFrame, type Frame, FrameDecoder } from "../../channel/frames.ts";
import { systemErrorCode } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import { writeFullySync } from "../../platform/write-fully.ts";
import { isOutput, type OutputFrame, type OutputKind } from "./output-frame.ts";

/** In these files alone: how many bytes had come before the next frame, kept or not. */
const positionKind = 8;
const headerBytes = 5;
const segmentBytesMax = limits.lateOutputBytesMax / 2;

export interface LateFrame extends OutputFrame {
  /** Bytes that had come before it, kept or not. */
  readonly position: number;
}

/** The files of what came after the end of the command whose output is at `path`: the older half, and the newer one. */
export function latePaths(path: string): [older: string, newer: string] {
  return [`${path}.late.old`, `${path}.late`];
}

/** What comes after the end of one command: the newest of it is kept, in two halves of which the older one goes. */
export class LateOutputFile {
  readonly #older: string;
  readonly #newer: string;
  /** Bytes that came so far, kept or not. */
  #position: number;
  /** The same, as the newer half says it. */
  #toldPosition: number;
  #size: number;

  constructor(path: string) {
    [this.#older, this.#newer] = latePaths(path);
    const found = measure(this.#newer);
    this.#position = found.position;
    this.#toldPosition = found.position;
    this.#size = found.size;
    // Whoever wrote it may have been killed in the middle of a frame.
    if (found.isCut) truncateSync(this.#newer, found.size);
  }

  push(kind: OutputKind, payload: Buffer): void {
    this.#append(encodeFrame(kind, payload), payload.length);
  }

  /** So many bytes were lost on the way. */
  drop(bytes: number): void {
    this.#position += bytes;
    this.#append(Buffer.alloc(0), 0);
  }

  /** What a full disk does not take is missing, like what was lost. */
  #append(frame: Buffer, bytes: number): void {
    try {
      if (this.#size > segmentBytesMax) this.#beginNewHalf();
      const isTold = this.#toldPosition === this.#position;
      this.#write(isTold ? frame : Buffer.concat([positionFrame(this.#position), frame]));
      this.#toldPosition = this.#position + bytes;
    } catch {
      // The next one begins with a position.
    }
    this.#position += bytes;
  }

  #beginNewHalf(): void {
    renameSync(this.#newer, this.#older);
    this.#size = 0;
    this.#toldPosition = 0;
  }

  #write(bytes: Buffer): void {
    mkdirSync(dirname(this.#newer), { recursive: true, mode: 0o700 });
    const fd = openSync(this.#newer, "a", 0o600);
    try {
      writeFullySync(fd, bytes);
      this.#size += bytes.length;
    } catch (error) {
      truncateSync(this.#newer, this.#size);
      throw error;
    } finally {
      closeSync(fd);
    }
  }
}

function positionFrame(position: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(BigInt(position));
  return encodeFrame(positionKind, payload);
}

function measure(path: string): { position: number; size: number; isCut: boolean } {
  const bytes = readIfThere(path);
  let position = 0;
  let size = 0;
  for (const frame of new FrameDecoder().push(bytes)) {
    position = isOutput(frame) ? position + frame.payload.length : positionIn(frame, position);
    size += headerBytes + frame.payload.length;
  }
  return { position, size, isCut: size < bytes.length };
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function positionIn({ kind, payload }: Frame, otherwise: number): number {
  return kind === positionKind ? Number(payload.readBigUInt64BE()) : otherwise;
}

/** What is kept of what came after the end of the command whose output is at `path`, and last how much came in all. */
export async function* lateFrames(path: string): AsyncGenerator<LateFrame, number> {
  let position = 0;
  for (const half of latePaths(path)) {
    const decoder = new FrameDecoder();
    try {
      for await (const chunk of createReadStream(half))
        for (const frame of decoder.push(chunk as Buffer)) {
          // A half that was given up between two looks is not read again.
          position = Math.max(position, positionIn(frame, position));
          if (!isOutput(frame)) continue;
          yield { ...frame, position };
          position += frame.payload.length;
        }
    } catch (error) {
      if (systemErrorCode(error) !== "ENOENT") throw error;
    }
  }
  return position;
}
