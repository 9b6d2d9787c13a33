import { isDeepStrictEqual } from "node:util";

/**
 * Edits the text of one configuration format. `write` and `remove` touch nothing but the entry and what separates it
 * from its neighbours: removing what was written gives the same bytes again.
 */
export interface Editor {
  /**
   * What the text says. Throws SyntaxTrouble, also where a key on the way to the entry at `keyPath` stands twice: which of the two
   * counts is not the same for every reader.
   */
  parse(text: string, keyPath?: readonly string[]): Record<string, unknown>;
  /** The text with the entry at `keyPath` made equal to `entry`, with the least change. */
  write(text: string, keyPath: readonly string[], entry: Readonly<Record<string, unknown>>): string;
  /** The text without the entry at `keyPath`, and without its parent if nothing is left in it. */
  remove(text: string, keyPath: readonly string[]): string;
}

/** Why a text is not what its file's name promises. */
export class SyntaxTrouble extends SyntaxError {
  override readonly name = "SyntaxTrouble";
  /** From 1. */
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** The line break that `text` uses. */
export function lineBreakOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}

/** What `root` holds at `keyPath`. */
export function valueAt(root: unknown, keyPath: readonly string[]): unknown {
  return keyPath.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined,
    root,
  );
}

/** Whether two values are the same to a reader of the file. */
export function meansTheSame(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(plain(one), plain(other));
}

/** Parsers make objects of several kinds, and numbers of two. */
export function plain(value: unknown): unknown {
  if (value === undefined) return undefined;
  const numbers = (_: string, inner: unknown) =>
    typeof inner === "bigint" ? String(inner) : inner;
  return JSON.parse(JSON.stringify(value, numbers));
}
