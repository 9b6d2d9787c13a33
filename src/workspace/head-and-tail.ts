/** The beginning and the end of a stream of bytes; what lies between is counted and dropped. */
export class HeadAndTail {
  readonly #headMax: number;
  readonly #tailMax: number;
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #bytes = 0;

  constructor(headMax: number, tailMax: number) {
    this.#headMax = headMax;
    this.#tailMax = tailMax;
  }

  /** All bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  get droppedBytes(): number {
    return this.#bytes - this.#headBytes - this.#tailBytes;
  }

  /** Takes the next bytes; answers those that belong to the head, a view of `chunk`. */
  push(chunk: Buffer): Buffer {
    this.#bytes += chunk.length;
    const head = chunk.subarray(0, this.#headMax - this.#headBytes);
    this.#headBytes += head.length;
    if (head.length < chunk.length) this.#pushTail(chunk.subarray(head.length));
    return head;
  }

  /** What is kept of the end. */
  tail(): readonly Buffer[] {
    return this.#tail;
  }

  #pushTail(chunk: Buffer): void {
    // Chunks are views of larger buffers; a copy keeps those from staying alive.
    this.#tail.push(Buffer.from(chunk.subarray(-this.#tailMax)));
    this.#tailBytes += Math.min(chunk.length, this.#tailMax);
    while (this.#tailBytes > this.#tailMax) {
      const [first] = this.#tail;
      if (first === undefined) break;
      const surplus = this.#tailBytes - this.#tailMax;
      const kept = first.subarray(surplus);
      if (kept.length === 0) this.#tail.shift();
      else this.#tail[0] = kept;
      this.#tailBytes -= first.length - kept.length;
    }
  }
}
