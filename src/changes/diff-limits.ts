const mebibyte = 1024 * 1024;

/** What a diff may cost, whatever the files are. Nothing is lost at a limit: the diff becomes coarser. */
export const diffLimits = {
  /** Larger files are named in the text, and whole binary literals in a patch. */
  textBytes: 4 * mebibyte,
  /** Every line costs many times its own bytes. */
  lines: 250_000,
  /** Added and removed lines of one file for which the shortest edit is searched. */
  editLength: 3000,
  /** Search of one file. */
  fileMs: 500,
  /** Search of all files of one diff; afterwards only unique lines are matched, in linear time. */
  totalMs: 10_000,
  /** All work on the lines of one diff; afterwards files are treated as too large. */
  linesMs: 20_000,
  /** Entries that the baseline has not, and the length of their names: all are held in memory. */
  newEntries: 110_000,
  newNameBytes: 8 * mebibyte,
  /** No larger content is read, and so none goes into a patch; `git apply` takes 1,023 MiB. */
  contentBytes: 64 * mebibyte,
} as const;
