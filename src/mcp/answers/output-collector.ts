import { HeadAndTail } from "../../model/head-and-tail.ts";
import { countLines, countNewlines, type TextKind } from "./shown-text.ts";

/** Beginning and end of a stream of bytes, with what lies between only counted. */
export interface Excerpt {
  readonly kind: TextKind;
  /** All there is when nothing was left out. */
  readonly head: Buffer;
  readonly tail: Buffer;
  /** Bytes between the two. */
  readonly gapBytes: number;
  readonly byteCount: number;
  readonly lineCount: number;
}

/** Keeps beginning and end of what a command writes, however much that is. */
export class OutputCollector {
  readonly #head: Buffer[] = [];
  readonly #stream: HeadAndTail;
  #newlineCount = 0;
  #endsInLine = false;

  /** `partBytesMax` for the beginning and as much again for the end. */
  constructor(partBytesMax: number) {
    this.#stream = new HeadAndTail(partBytesMax, partBytesMax);
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#newlineCount += countNewlines(chunk);
    this.#endsInLine = chunk.at(-1) !== 0x0a;
    const head = this.#stream.push(chunk);
    // A copy: a small piece would otherwise keep a large buffer alive.
    if (head.length > 0) this.#head.push(Buffer.from(head));
  }

  excerpt(): Excerpt {
    const { bytes, droppedBytes } = this.#stream;
    const [head, tail] = [Buffer.concat(this.#head), this.#stream.tail()];
    return {
      kind: "output",
      ...(droppedBytes === 0
        ? { head: Buffer.concat([head, tail]), tail: Buffer.alloc(0) }
        : { head, tail }),
      gapBytes: droppedBytes,
      byteCount: bytes,
      lineCount: this.#newlineCount + (this.#endsInLine ? 1 : 0),
    };
  }
}

/** Bytes that are all at hand, as an excerpt. */
export function excerptOf(bytes: Buffer, kind: TextKind): Excerpt {
  return {
    kind,
    head: bytes,
    tail: Buffer.alloc(0),
    gapBytes: 0,
    byteCount: bytes.length,
    lineCount: countLines(bytes),
  };
}
