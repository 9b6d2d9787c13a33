import type { ContentPiece } from "../model/tree.ts";
import { sparseData } from "../platform/sparse-data.ts";

/** A map with more ranges than this is not one that a tool wrote. */
const rangesMax = 1_000_000;

/** The content of a file whose archived body is in GNU sparse format 1.0. Throws a `RangeError` when that is damaged. */
export async function* sparseContent(
  body: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<ContentPiece> {
  let at = 0;
  for await (const { offset, data } of sparseData(body[Symbol.asyncIterator](), {
    size,
    rangesMax,
  })) {
    if (offset > at) yield { holeBytes: offset - at };
    yield data;
    at = offset + data.length;
  }
  if (size > at) yield { holeBytes: size - at };
}
