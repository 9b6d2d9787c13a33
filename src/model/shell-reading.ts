/** In which form a shell is read. */
export const readModes = ["raw", "plain", "screen"] as const;
export type ReadMode = (typeof readModes)[number];

/** What a supervisor is asked about a shell. */
export interface ShellQuestion {
  readonly shellId: string;
  readonly mode: ReadMode;
  /** Where to begin: a position in all that the shell ever wrote. */
  readonly cursor: number;
  readonly maxChars: number;
  /** How long it must have been silent; undefined: no matter. */
  readonly idleMs: number | undefined;
  /** What must have been shown; undefined: nothing particular. */
  readonly text: string | undefined;
  /** How long both are waited for. */
  readonly timeoutMs: number;
}
