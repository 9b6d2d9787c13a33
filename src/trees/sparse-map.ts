/** Bytes of a file that may be something else than zeros. */
export interface DataRange {
  readonly start: number;
  readonly end: number;
}

/** A map with more ranges than this is not one that a tool wrote. */
const rangesMax = 1_000_000;
const blockBytes = 512;

/**
 * The map at the beginning of a file in GNU sparse format 1.0 (a decimal count, then start and length of each range, one
 * number a line, padded to 512 bytes) and the data that came with its end. Throws a `RangeError` saying what is wrong.
 */
export async function readSparseMap(
  body: AsyncIterator<Buffer>,
  size: number,
): Promise<{ ranges: readonly DataRange[]; rest: Buffer }> {
  const map = new SparseMap(size);
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    while (rest.length < blockBytes) rest = Buffer.concat([rest, await nextChunk(body)]);
    const isComplete = map.addBlock(rest.toString("latin1", 0, blockBytes));
    rest = rest.subarray(blockBytes);
    if (isComplete) return { ranges: map.ranges, rest };
  }
}

/** More of the body; it must not end here. */
export async function nextChunk(body: AsyncIterator<Buffer>): Promise<Buffer> {
  const { value, done } = await body.next();
  if (done === true) throw new RangeError("the sparse file's data ends early");
  return value;
}

class SparseMap {
  readonly ranges: DataRange[] = [];
  readonly #size: number;
  #text = "";
  #count: number | undefined;
  #start: number | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /** Whether the map is complete with this block. */
  addBlock(block: string): boolean {
    const lines = (this.#text + block).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) {
      if (this.#isComplete()) return true;
      this.#add(line);
    }
    if (this.#text.length > blockBytes) throw new RangeError("the sparse map is malformed");
    return this.#isComplete();
  }

  #isComplete(): boolean {
    return this.ranges.length === this.#count;
  }

  #add(line: string): void {
    const value = /^\d{1,15}$/.test(line) ? Number(line) : Number.NaN;
    const max = this.#count === undefined ? rangesMax : this.#size;
    if (!(value <= max)) throw new RangeError("the sparse map is malformed");
    if (this.#count === undefined) this.#count = value;
    else if (this.#start === undefined) this.#start = value;
    else this.#addRange(this.#start, this.#start + value);
  }

  #addRange(start: number, end: number): void {
    if (start < (this.ranges.at(-1)?.end ?? 0) || end > this.#size)
      throw new RangeError("the sparse map is out of order");
    this.ranges.push({ start, end });
    this.#start = undefined;
  }
}
