/** How many bytes of a text are in each of its distinct pieces. */
export interface ContentSketch {
  readonly sizeBytes: number;
  /** Bytes by hash of a piece: a line, cut after 64 bytes as git cuts it. The pieces themselves would keep all contents in memory. */
  readonly pieces: ReadonlyMap<number, number>;
}

const pieceBytesMax = 64;
const probeBytes = 8000;
const lineFeed = 0x0a;

/** git's rule: a NUL among the first 8,000 bytes. */
export function looksBinary(content: Buffer): boolean {
  const nul = content.subarray(0, probeBytes).indexOf(0);
  return nul >= 0;
}

export function sketchContent(content: Buffer): ContentSketch {
  const pieces = new Map<number, number>();
  // Searched for once a line, not once a piece: a file may be one long line.
  let lineEnd = 0;
  for (let start = 0; start < content.length; ) {
    if (start === lineEnd) lineEnd = content.indexOf(lineFeed, start) + 1 || content.length;
    const end = Math.min(lineEnd, start + pieceBytesMax);
    const piece = hashOf(content, start, end);
    pieces.set(piece, (pieces.get(piece) ?? 0) + end - start);
    start = end;
  }
  return { sizeBytes: content.length, pieces };
}

/** FNV-1a, cut to what a small integer holds; that two pieces share one makes two files look a little more alike. */
function hashOf(content: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index++)
    hash = Math.imul(hash ^ (content[index] ?? 0), 0x01000193);
  return hash >> 1;
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
