/** Pieces of a tail are joined when there are this many, so that many small ones cost little. */
const piecesMax = 1024;

/** The beginning and the end of a stream of bytes; what lies between is counted and dropped. */
export class HeadAndTail {
  readonly #headMax: number;
  readonly #tailMax: number;
  #headBytes = 0;
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
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
    return Math.max(0, this.#bytes - this.#headBytes - this.#tailMax);
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
  tail(): Buffer {
    return Buffer.concat(this.#pieces).subarray(-this.#tailMax);
  }

  #pushTail(chunk: Buffer): void {
    // Chunks are views of larger buffers; a copy keeps those from staying alive.
    const piece = Buffer.from(chunk.subarray(-this.#tailMax));
    this.#pieces.push(piece);
    this.#piecesBytes += piece.length;
    if (this.#piecesBytes < this.#tailMax * 2 && this.#pieces.length < piecesMax) return;
    const kept = Buffer.from(this.tail());
    this.#pieces = [kept];
    this.#piecesBytes = kept.length;
  }
}
