/** How many bytes of a text are in each of its distinct pieces. */
export interface ContentSketch {
  readonly sizeBytes: number;
  /** Bytes by piece: a line, cut after 64 bytes as git cuts it. */
  readonly pieces: ReadonlyMap<string, number>;
}

const pieceBytesMax = 64;
const probeBytes = 8000;

/** git's rule: a NUL among the first 8,000 bytes. */
export function looksBinary(content: Buffer): boolean {
  const nul = content.subarray(0, probeBytes).indexOf(0);
  return nul >= 0;
}

export function sketchContent(content: Buffer): ContentSketch {
  const text = content.toString("latin1");
  const pieces = new Map<string, number>();
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = Math.min(newline < 0 ? text.length : newline + 1, start + pieceBytesMax);
    const piece = text.slice(start, end);
    pieces.set(piece, (pieces.get(piece) ?? 0) + piece.length);
    start = end;
  }
  return { sizeBytes: text.length, pieces };
}

/** Bytes in common per hundred bytes of the larger text. */
export function similarityPercent(left: ContentSketch, right: ContentSketch): number {
  const sizeMax = Math.max(left.sizeBytes, right.sizeBytes);
  if (Math.min(left.sizeBytes, right.sizeBytes) * 2 < sizeMax) return 0;
  const [few, many] = left.pieces.size < right.pieces.size ? [left, right] : [right, left];
  let commonBytes = 0;
  for (const [piece, bytes] of few.pieces)
    commonBytes += Math.min(bytes, many.pieces.get(piece) ?? 0);
  return Math.floor((commonBytes * 100) / sizeMax);
}
