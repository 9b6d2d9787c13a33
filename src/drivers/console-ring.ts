/** The last bytes of a stream that may never end: a guest's serial console, a monitor's stderr. */
export class ConsoleRing {
  readonly #capacityBytes: number;
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  /** `capacityBytes`: how much is kept; default 64 KiB. */
  constructor(capacityBytes = 64 * 1024) {
    this.#capacityBytes = capacityBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    // Chunks are merged only once twice the capacity is held, so that a flood costs little.
    if (this.#sizeBytes <= 2 * this.#capacityBytes) return;
    this.#chunks = [Buffer.concat(this.#chunks).subarray(-this.#capacityBytes)];
    this.#sizeBytes = this.#capacityBytes;
  }

  tail(): string {
    return Buffer.concat(this.#chunks).subarray(-this.#capacityBytes).toString("utf8");
  }
}
