import type { ContentPiece } from "../model/tree.ts";
import { nextChunk, readSparseMap } from "./sparse-map.ts";

/** The content of a file whose archived body is in GNU sparse format 1.0. Throws a `RangeError` when that is damaged. */
export async function* sparseContent(
  body: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<ContentPiece> {
  const iterator = body[Symbol.asyncIterator]();
  let { ranges, rest } = await readSparseMap(iterator, size);
  let at = 0;
  for (const { start, end } of ranges) {
    if (start > at) yield { holeBytes: start - at };
    for (at = start; at < end; ) {
      if (rest.length === 0) rest = await nextChunk(iterator);
      const piece = rest.subarray(0, end - at);
      rest = rest.subarray(piece.length);
      at += piece.length;
      yield piece;
    }
  }
  if (size > at) yield { holeBytes: size - at };
}
