import { badRecord } from "./record.ts";

/** Reads a stream of buffers as one stretch of bytes; keeps no more than what is being parsed. */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #data: Buffer = Buffer.alloc(0);
  #at = 0;
  #ended = false;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * What `parse` makes of the bytes ahead. It is asked again with more of them while it answers undefined; it must
   * refuse by itself what is too long. `next` is where it stopped.
   */
  async parse<T extends { readonly next: number }>(
    parse: (data: Buffer, start: number) => T | undefined,
  ): Promise<T> {
    for (;;) {
      const parsed = this.#data.length > this.#at ? parse(this.#data, this.#at) : undefined;
      if (parsed !== undefined) {
        this.#at = parsed.next;
        return parsed;
      }
      await this.#more();
    }
  }

  /** Exactly so many bytes. */
  async take(bytes: number): Promise<Buffer> {
    while (this.#data.length - this.#at < bytes) await this.#more();
    this.#at += bytes;
    return this.#data.subarray(this.#at - bytes, this.#at);
  }

  /** At least one byte and at most so many, without copying. */
  async takeSome(bytesMax: number): Promise<Buffer> {
    if (this.#data.length === this.#at) await this.#more();
    const end = Math.min(this.#data.length, this.#at + bytesMax);
    const bytes = this.#data.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** Whether the stream ends here. */
  async ended(): Promise<boolean> {
    if (this.#data.length > this.#at) return false;
    const chunk = await this.#pull();
    if (chunk !== undefined) this.#data = chunk;
    this.#at = 0;
    return chunk === undefined;
  }

  /** Tells the source that nobody reads on. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.();
  }

  /**
   * Appends to the bytes ahead at least as many as there are: a sender of single bytes must not make every one of
   * them cost a copy of all.
   */
  async #more(): Promise<void> {
    const left = this.#data.length - this.#at;
    const chunks = left === 0 ? [] : [this.#data.subarray(this.#at)];
    let added = 0;
    while (added < Math.max(left, 1)) {
      const chunk = await this.#pull();
      if (chunk === undefined) break;
      chunks.push(chunk);
      added += chunk.length;
    }
    if (added === 0) throw badRecord("the end is missing");
    this.#data = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
    this.#at = 0;
  }

  /** The next buffer that is not empty, or undefined at the end. */
  async #pull(): Promise<Buffer | undefined> {
    while (!this.#ended) {
      const { value, done } = await this.#source.next();
      if (done === true) this.#ended = true;
      else if (value.length > 0) return value;
    }
    return undefined;
  }
}
