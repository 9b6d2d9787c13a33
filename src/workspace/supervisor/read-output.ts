import { droppedText } from "../machines/captured-output.ts";
import { lateFrames } from "./late-output-file.ts";
import { outputFrames } from "./output-file.ts";
import type { OutputFrame } from "./output-frame.ts";

/** All of a command's output in the order in which it came, what came after its end included. */
interface PlacedFrame extends OutputFrame {
  /** Of its first byte. */
  readonly offset: number;
  readonly isLate: boolean;
}

/** How much there is of a command's output. */
export interface OutputExtent {
  /** Where what came after its end begins. */
  readonly lateOffset: number;
  /** Where everything ends: what is missing of the late output counts, so that offsets stay what they are. */
  readonly end: number;
}

export async function* placedFrames(path: string): AsyncGenerator<PlacedFrame, OutputExtent> {
  let lateOffset = 0;
  for await (const frame of outputFrames(path)) {
    yield { ...frame, offset: lateOffset, isLate: false };
    lateOffset += frame.payload.length;
  }
  const late = lateFrames(path);
  for (;;) {
    const { value, done } = await late.next();
    if (done) return { lateOffset, end: lateOffset + value };
    yield { ...value, offset: lateOffset + value.position, isLate: true };
  }
}

export interface OutputPiece extends OutputExtent {
  readonly piece: Buffer;
  /** Where it begins: later than asked for when that is not kept any more. */
  readonly offset: number;
  /** Where to read on. */
  readonly nextOffset: number;
  readonly lateDroppedBytes: number;
}

/** A piece of both streams as one, without a gap. */
export async function readOutputPiece(
  path: string,
  { offset, bytesMax }: { readonly offset: number; readonly bytesMax: number },
): Promise<OutputPiece> {
  const parts: Buffer[] = [];
  let [first, next, keptLateBytes] = [offset, offset, 0];
  const frames = placedFrames(path);
  for (;;) {
    const { value, done } = await frames.next();
    if (done) {
      const lateDroppedBytes = value.end - value.lateOffset - keptLateBytes;
      const nextOffset = parts.length === 0 ? value.end : next;
      return { ...value, piece: Buffer.concat(parts), offset: first, nextOffset, lateDroppedBytes };
    }
    if (value.isLate) keptLateBytes += value.payload.length;
    if (parts.length === 0 && value.offset > next) [first, next] = [value.offset, value.offset];
    if (value.offset > next) continue;
    const part = value.payload.subarray(
      Math.max(0, next - value.offset),
      Math.max(0, first + bytesMax - value.offset),
    );
    if (part.length > 0) parts.push(part);
    next += part.length;
  }
}

/** What is kept of what came after a command's end, and how much came; where some is missing, it says so. */
export async function readLateOutput(
  path: string,
): Promise<{ output: Buffer; bytes: number; droppedBytes: number }> {
  const parts: Buffer[] = [];
  let [position, keptBytes] = [0, 0];
  const skip = (to: number) => {
    if (to > position) parts.push(Buffer.from(droppedText(to - position)));
    position = to;
  };
  const frames = lateFrames(path);
  for (;;) {
    const { value, done } = await frames.next();
    if (done) {
      skip(value);
      return { output: Buffer.concat(parts), bytes: value, droppedBytes: value - keptBytes };
    }
    skip(value.position);
    parts.push(value.payload);
    position += value.payload.length;
    keptBytes += value.payload.length;
  }
}
