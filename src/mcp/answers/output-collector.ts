import { countNewlines } from "./shown-text.ts";

/** Beginning and end of a stream of bytes, with what lies between only counted. */
export interface Excerpt {
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
  readonly #partBytesMax: number;
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #byteCount = 0;
  #newlineCount = 0;
  #endsInLine = false;

  /** `partBytesMax` for the beginning and as much again for the end. */
  constructor(partBytesMax: number) {
    this.#partBytesMax = partBytesMax;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#byteCount += chunk.length;
    this.#newlineCount += countNewlines(chunk);
    this.#endsInLine = chunk.at(-1) !== 0x0a;
    const room = this.#partBytesMax - this.#headBytes;
    const first = chunk.subarray(0, Math.max(0, room));
    // Copies: a small piece would otherwise keep a large buffer alive.
    if (first.length > 0) this.#head.push(Buffer.from(first));
    this.#headBytes += first.length;
    this.#pushTail(chunk.subarray(first.length));
  }

  excerpt(): Excerpt {
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail).subarray(-this.#partBytesMax);
    const gapBytes = this.#byteCount - head.length - tail.length;
    const whole = gapBytes === 0 && tail.length > 0;
    return {
      head: whole ? Buffer.concat([head, tail]) : head,
      tail: whole ? Buffer.alloc(0) : tail,
      gapBytes,
      byteCount: this.#byteCount,
      lineCount: this.#newlineCount + (this.#endsInLine ? 1 : 0),
    };
  }

  #pushTail(rest: Buffer): void {
    if (rest.length === 0) return;
    this.#tail.push(Buffer.from(rest.subarray(-this.#partBytesMax)));
    this.#tailBytes += Math.min(rest.length, this.#partBytesMax);
    // Joined only now and then, so that many small pieces cost little.
    if (this.#tailBytes < this.#partBytesMax * 4 && this.#tail.length < 1024) return;
    const kept = Buffer.from(Buffer.concat(this.#tail).subarray(-this.#partBytesMax));
    this.#tail = [kept];
    this.#tailBytes = kept.length;
  }
}

/** Bytes that are all at hand, as an excerpt. */
export function excerptOf(bytes: Buffer): Excerpt {
  const newlines = countNewlines(bytes);
  return {
    head: bytes,
    tail: Buffer.alloc(0),
    gapBytes: 0,
    byteCount: bytes.length,
    lineCount: newlines + (bytes.length > 0 && bytes.at(-1) !== 0x0a ? 1 : 0),
  };
}
