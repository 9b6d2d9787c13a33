export interface CursorMark {
  readonly at: number;
  readonly lineNumber: number;
}

/** Walks over the lines of a patch without ever holding them all. */
export class PatchCursor {
  readonly #text: string;
  #at = 0;
  #lineNumber = 1;
  #peeked: { line: string; end: number } | undefined;

  constructor(patch: Buffer) {
    this.#text = patch.toString("latin1");
  }

  /** The number of the line that `peek` shows, from 1. */
  get lineNumber(): number {
    return this.#lineNumber;
  }

  /** The next line with its terminator; undefined at the end. */
  peek(): string | undefined {
    if (this.#at >= this.#text.length) return undefined;
    if (this.#peeked === undefined) {
      const newline = this.#text.indexOf("\n", this.#at);
      const end = newline < 0 ? this.#text.length : newline + 1;
      this.#peeked = { line: this.#text.slice(this.#at, end), end };
    }
    return this.#peeked.line;
  }

  /** Leaves the line that `peek` shows. */
  advance(): void {
    if (this.peek() === undefined || this.#peeked === undefined) return;
    this.#at = this.#peeked.end;
    this.#lineNumber += 1;
    this.#peeked = undefined;
  }

  /** The next line, which is left. */
  take(): string | undefined {
    const line = this.peek();
    this.advance();
    return line;
  }

  /** Where it is now, to return to. */
  mark(): CursorMark {
    return { at: this.#at, lineNumber: this.#lineNumber };
  }

  returnTo({ at, lineNumber }: CursorMark): void {
    this.#at = at;
    this.#lineNumber = lineNumber;
    this.#peeked = undefined;
  }

  /** Whether the text at the next line begins with `prefix`, and the line after it with `second`. */
  startsWith(prefix: string, second?: string): boolean {
    if (!this.#text.startsWith(prefix, this.#at)) return false;
    if (second === undefined) return true;
    this.peek();
    return this.#peeked !== undefined && this.#text.startsWith(second, this.#peeked.end);
  }
}

/** A line without its terminator, and whether that was CRLF. */
export function withoutTerminator(line: string): { text: string; hadCr: boolean } {
  const bare = line.endsWith("\n") ? line.slice(0, -1) : line;
  return bare.endsWith("\r")
    ? { text: bare.slice(0, -1), hadCr: true }
    : { text: bare, hadCr: false };
}
