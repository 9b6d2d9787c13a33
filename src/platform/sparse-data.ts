/** A piece of a sparse file's data. */
export interface SparseData {
  readonly offset: number;
  readonly data: Buffer;
}

/** What a map may say. */
export interface SparseBounds {
  /** Bytes of the whole file, its holes included. */
  readonly size: number;
  readonly rangesMax: number;
}

interface DataRange {
  readonly start: number;
  readonly end: number;
}

const blockBytes = 512;

/**
 * The data of a sparse file whose body is in GNU's format 1.0, in order and in pieces: first a map (a decimal count, then
 * start and length of each range, one number a line, padded to 512 bytes), then what the ranges hold. Reads no further.
 * Throws a `RangeError` saying what is wrong.
 */
export async function* sparseData(
  body: AsyncIterator<Buffer>,
  bounds: SparseBounds,
): AsyncGenerator<SparseData> {
  let { ranges, rest } = await readSparseMap(body, bounds);
  for (const { start, end } of ranges) {
    for (let offset = start; offset < end; ) {
      if (rest.length === 0) rest = await nextChunk(body);
      const data = rest.subarray(0, end - offset);
      rest = rest.subarray(data.length);
      yield { offset, data };
      offset += data.length;
    }
  }
}

/** The ranges, and the data that came with the map's end. */
async function readSparseMap(
  body: AsyncIterator<Buffer>,
  bounds: SparseBounds,
): Promise<{ ranges: readonly DataRange[]; rest: Buffer }> {
  const map = new SparseMap(bounds);
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    while (rest.length < blockBytes) rest = Buffer.concat([rest, await nextChunk(body)]);
    const isComplete = map.addBlock(rest.toString("latin1", 0, blockBytes));
    rest = rest.subarray(blockBytes);
    if (isComplete) return { ranges: map.ranges, rest };
  }
}

/** More of the body; it must not end here. */
async function nextChunk(body: AsyncIterator<Buffer>): Promise<Buffer> {
  const { value, done } = await body.next();
  if (done === true) throw new RangeError("the sparse file's data ends early");
  return value;
}

class SparseMap {
  readonly ranges: DataRange[] = [];
  readonly #bounds: SparseBounds;
  #text = "";
  #count: number | undefined;
  #start: number | undefined;

  constructor(bounds: SparseBounds) {
    this.#bounds = bounds;
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
    const max = this.#count === undefined ? this.#bounds.rangesMax : this.#bounds.size;
    if (!(value <= max)) throw new RangeError("the sparse map is malformed");
    if (this.#count === undefined) this.#count = value;
    else if (this.#start === undefined) this.#start = value;
    else this.#addRange(this.#start, this.#start + value);
  }

  #addRange(start: number, end: number): void {
    if (start < (this.ranges.at(-1)?.end ?? 0) || end > this.#bounds.size)
      throw new RangeError("the sparse map is out of order");
    this.ranges.push({ start, end });
    this.#start = undefined;
  }
}
