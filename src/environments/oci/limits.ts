const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** What pyro accepts from a registry. A limit on every length and count a stranger chooses. */
export const imageLimits = {
  /** The size the distribution specification asks every registry to accept, and most enforce. */
  manifestBytes: 4 * mebibyte,
  /** Configs repeat the history of the image; the largest public ones are below 100 KiB. */
  configBytes: 4 * mebibyte,
  /** A token answer carries one signed token; 16 KiB of it must fit a request header. */
  tokenAnswerBytes: 256 * 1024,
  tokenCharacters: 16 * 1024,
  /** Error bodies are only read to be quoted. */
  errorBodyBytes: 8 * 1024,
  /** Buffer for reading files back. */
  readBytes: 1 << 20,
  /** One entry a platform and its attestation; the widest public indexes have about 40. */
  indexEntries: 1024,
  /** Indexes on the way to the image: tools that collect images make one of what were two. */
  indexDepth: 3,
  /** Documents read to find the image, whatever their depth. */
  indexDocuments: 16,
  /** Docker builds at most 127 and overlay mounts of older kernels stop at 128. */
  layers: 128,
  layerBytes: 16 * gibibyte,
  imageBytes: 64 * gibibyte,
  /** The kernel passes no single argument or variable longer than this to a program. */
  argumentBytes: 128 * 1024,
  /** Entries of a list in the config: variables, arguments, labels. */
  configEntries: 1024,
  redirects: 5,
} as const;

/** Times and tries of one pull. */
export const transferPolicy = {
  /** Without an answer, or with less than `stallBytes` in this time, a transfer is given up. */
  stallTimeoutMs: 30_000,
  /** Slower than this a registry is not serving but holding us. */
  stallBytes: 1024,
  /** What one transfer holds in memory while the disk is busy. */
  readAheadBytes: 1 << 20,
  /** Small documents arrive in this time or not at all. */
  documentTimeoutMs: 60_000,
  /** Tries without progress before giving up. */
  attempts: 6,
  /** Bytes that make a broken transfer count as progress. */
  progressBytes: 16 * 1024,
  /** Broken transfers of one blob, progress or not. */
  attemptsTotal: 2000,
  backoffMs: 500,
  backoffMsMax: 30_000,
  /** A registry may ask us to wait (Retry-After), but not for longer. */
  retryAfterMsMax: 60_000,
  parallelLayers: 3,
} as const;
