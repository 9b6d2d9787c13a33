/** A header or a key with its value; `text` has already been found to be TOML. */
export interface Statement {
  readonly kind: "table" | "value";
  /** From the root: `["mcp_servers", "pyro", "args"]`. */
  readonly path: readonly string[];
  /** The first character that is not white space. */
  readonly start: number;
  /** After the last character before a comment or the line's end. */
  readonly end: number;
  /** After the line break, or the end of the text. */
  readonly lineEnd: number;
  /** Of the value. */
  readonly valueStart: number;
}

/** The statements of a TOML text, in their order. */
export function tomlStatements(text: string): readonly Statement[] {
  return new Reader(text).statements();
}

const multiLine = /"""[\s\S]*?(?<!\\)(?:\\\\)*"{3,5}|'''[\s\S]*?'{3,5}/y;
const singleLine = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;

const depthChange: Readonly<Record<string, number>> = { "[": 1, "{": 1, "]": -1, "}": -1 };

class Reader {
  readonly #text: string;
  #at = 0;
  #table: readonly string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  statements(): Statement[] {
    const found: Statement[] = [];
    for (;;) {
      this.#skip(/[\s]|#[^\n]*/y);
      if (this.#at >= this.#text.length) return found;
      found.push(this.#statement());
    }
  }

  #statement(): Statement {
    const start = this.#at;
    const isTable = this.#text[start] === "[";
    if (isTable) this.#skip(/\[| |\t/y);
    const keys = this.#keys();
    if (isTable) {
      this.#table = keys;
      this.#skip(/[ \t\]]/y);
    } else this.#skip(/[ \t=]/y);
    const valueStart = this.#at;
    if (!isTable) this.#value();
    const end = this.#at;
    this.#skip(/[ \t]|#[^\n]*/y);
    const lineBreak = this.#text.indexOf("\n", this.#at);
    const lineEnd = lineBreak < 0 ? this.#text.length : lineBreak + 1;
    this.#at = lineEnd;
    return {
      kind: isTable ? "table" : "value",
      path: isTable ? keys : [...this.#table, ...keys],
      start,
      end,
      lineEnd,
      valueStart,
    };
  }

  #keys(): string[] {
    const keys: string[] = [];
    do {
      this.#skip(/[ \t]/y);
      keys.push(this.#key());
      this.#skip(/[ \t]/y);
    } while (this.#take(/\./y) !== "");
    return keys;
  }

  #key(): string {
    const literal = this.#take(/'[^']*'/y);
    if (literal !== "") return literal.slice(1, -1);
    const basic = this.#take(/"(?:[^"\\]|\\.)*"/y);
    if (basic !== "") return unescaped(basic.slice(1, -1));
    return this.#take(/[^\s.=\]"']+/y);
  }

  /** Strings may hold anything; what is between them ends at the line's end, unless a bracket is open. */
  #value(): void {
    let depth = 0;
    while (this.#at < this.#text.length) {
      if (this.#take(multiLine) !== "" || this.#take(singleLine) !== "") continue;
      const character = this.#text[this.#at] ?? "";
      if (depth === 0 && /[\n#]/.test(character)) break;
      if (this.#take(/#[^\n]*/y) !== "") continue;
      depth += depthChange[character] ?? 0;
      this.#at += 1;
    }
    while (/\s/.test(this.#text[this.#at - 1] ?? "")) this.#at -= 1;
  }

  #skip(pattern: RegExp): void {
    while (this.#take(pattern) !== "");
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }
}

function unescaped(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))/g,
    (_, short?: string, long?: string, byte?: string, letter?: string) => {
      const code = short ?? long ?? byte;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      return escapes[letter ?? ""] ?? letter ?? "";
    },
  );
}

const escapes: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  e: "\u001b",
};
