import type { BytePath } from "../../model/tree.ts";

// Git's globs, byte by byte. A pattern comes from a stranger's repository: matching takes no more steps than the product of
// both lengths for each directory of the path, because of two stars only the later one is ever tried again.

/** A compiled pattern: bytes that stand for themselves, and from 256 on what follows. */
export interface Glob {
  readonly tokens: readonly number[];
  readonly sets: readonly Uint8Array[];
  /** Bytes that it takes at least. */
  readonly lengthMin: number;
  /** What it ends with literally: the quickest way to see that a text does not match. */
  readonly suffix: BytePath;
}

const anyByte = 256;
/** Any bytes but a slash. */
const star = 257;
/** Any bytes. */
const globstar = 258;
/** Any number of whole directories, with the slash behind them. */
const directories = 259;
/** The first of the sets in brackets. */
const firstSet = 260;

const slash = 0x2f;

/** The glob, or undefined when nothing matches it. A `**` at its beginning counts as one behind a slash. */
export function compileGlob(pattern: BytePath): Glob | undefined {
  const tokens: number[] = [];
  const sets: Uint8Array[] = [];
  for (let at = 0; at < pattern.length; ) {
    switch (pattern[at]) {
      case "\\":
        if (at + 1 === pattern.length) return undefined;
        tokens.push(pattern.charCodeAt(at + 1));
        at += 2;
        break;
      case "?":
        tokens.push(anyByte);
        at += 1;
        break;
      case "*": {
        const found = readStars(pattern, at);
        tokens.push(found.token);
        at = found.end;
        break;
      }
      case "[": {
        const found = readSet(pattern, at);
        if (found === undefined) return undefined;
        tokens.push(firstSet + sets.push(found.set) - 1);
        at = found.end;
        break;
      }
      default:
        tokens.push(pattern.charCodeAt(at));
        at += 1;
    }
  }
  const lengthMin = tokens.filter((token) => !isRepeating(token)).length;
  const literal = tokens.slice(tokens.findLastIndex((token) => token >= anyByte) + 1);
  return { tokens, sets, lengthMin, suffix: Buffer.from(literal).toString("latin1") };
}

function isRepeating(token: number): boolean {
  return token === star || token === globstar || token === directories;
}

function readStars(pattern: BytePath, from: number): { token: number; end: number } {
  let end = from + 1;
  while (pattern[end] === "*") end += 1;
  const isAlone = end - from > 1 && (from === 0 || pattern[from - 1] === "/");
  if (!isAlone) return { token: star, end };
  if (pattern[end] === "/") return { token: directories, end: end + 1 };
  const isBeforeEnd = end === pattern.length || pattern.startsWith("\\/", end);
  return { token: isBeforeEnd ? globstar : star, end };
}

/** Git's own sets of ASCII; its space has neither the vertical tab nor the form feed. */
const classes: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/** A set in brackets; undefined where it never ends or names no class, and so matches nothing. */
function readSet(pattern: BytePath, from: number): { set: Uint8Array; end: number } | undefined {
  const set = new Uint8Array(256);
  const isNegated = pattern[from + 1] === "!" || pattern[from + 1] === "^";
  const first = from + (isNegated ? 2 : 1);
  let part: SetPart | undefined;
  for (let at = first; at === first || pattern[at] !== "]"; at = part.end) {
    part = readPart(pattern, at, part?.rangeFrom);
    if (part === undefined) return undefined;
    for (const byte of part.bytes) set[byte] = 1;
  }
  const end = (part?.end ?? first) + 1;
  const chosen = isNegated ? set.map((byte) => 1 - byte) : set;
  chosen[slash] = 0;
  return { set: chosen, end };
}

interface SetPart {
  readonly bytes: Iterable<number>;
  /** What a hyphen behind it would begin a range with. */
  readonly rangeFrom?: number;
  readonly end: number;
}

function readPart(
  pattern: BytePath,
  at: number,
  rangeFrom: number | undefined,
): SetPart | undefined {
  const next = pattern[at + 1];
  if (pattern[at] === "-" && rangeFrom && next !== undefined && next !== "]")
    return readRange(pattern, at + 1, rangeFrom);
  if (pattern[at] === "[" && next === ":") {
    const close = pattern.indexOf("]", at + 2);
    if (close < 0) return undefined;
    if (close > at + 2 && pattern[close - 1] === ":") return readClass(pattern, at + 2, close);
  }
  return readByte(pattern, at);
}

/** A byte that may be escaped. */
function readByte(pattern: BytePath, at: number): SetPart | undefined {
  const from = pattern[at] === "\\" ? at + 1 : at;
  if (from >= pattern.length) return undefined;
  const byte = pattern.charCodeAt(from);
  return { bytes: [byte], rangeFrom: byte, end: from + 1 };
}

function readRange(pattern: BytePath, at: number, first: number): SetPart | undefined {
  const last = readByte(pattern, at);
  const count = (last?.rangeFrom ?? first) - first + 1;
  return (
    last && {
      bytes: Array.from({ length: Math.max(0, count) }, (_, index) => first + index),
      end: last.end,
    }
  );
}

function readClass(pattern: BytePath, from: number, close: number): SetPart | undefined {
  const name = pattern.slice(from, close - 1);
  const members = Object.hasOwn(classes, name) ? classes[name] : undefined;
  if (members === undefined) return undefined;
  const ascii = Array.from({ length: 128 }, (_, byte) => byte);
  return { bytes: ascii.filter((byte) => members.test(String.fromCharCode(byte))), end: close + 1 };
}

/** Whether the whole of `text` matches. */
export function matchesGlob(glob: Glob, text: BytePath): boolean {
  if (text.length < glob.lengthMin || !text.endsWith(glob.suffix)) return false;
  return new Matching(glob, text).run();
}

class Matching {
  readonly #glob: Glob;
  readonly #text: BytePath;
  #token = 0;
  #at = 0;
  /** The token behind the last star, and how far that star reaches so far. */
  #star = { token: -1, at: 0 };
  /** The same of the last one that takes slashes. */
  #wide = { token: -1, at: 0 };

  constructor(glob: Glob, text: BytePath) {
    this.#glob = glob;
    this.#text = text;
  }

  run(): boolean {
    const { tokens } = this.#glob;
    for (;;) {
      const token = tokens[this.#token];
      if (token === undefined && this.#at === this.#text.length) return true;
      const goesOn = token !== undefined && (this.#begin(token) || this.#take(token));
      if (!goesOn && !this.#stretchStar() && !this.#stretchWide()) return false;
    }
  }

  /** A repetition begins with nothing. */
  #begin(token: number): boolean {
    if (!isRepeating(token)) return false;
    this.#token += 1;
    const here = { token: this.#token, at: this.#at };
    if (token === star) this.#star = here;
    else {
      this.#wide = here;
      this.#star = { token: -1, at: 0 };
    }
    return true;
  }

  #take(token: number): boolean {
    if (this.#at === this.#text.length) return false;
    const byte = this.#text.charCodeAt(this.#at);
    if (token < anyByte ? token !== byte : !this.#accepts(token, byte)) return false;
    this.#token += 1;
    this.#at += 1;
    return true;
  }

  #accepts(token: number, byte: number): boolean {
    if (token === anyByte) return byte !== slash;
    return this.#glob.sets[token - firstSet]?.[byte] === 1;
  }

  #stretchStar(): boolean {
    const star = this.#star;
    if (star.token < 0 || star.at >= this.#text.length) return false;
    if (this.#text.charCodeAt(star.at) === slash) return false;
    star.at += 1;
    this.#token = star.token;
    this.#at = star.at;
    return true;
  }

  #stretchWide(): boolean {
    const wide = this.#wide;
    if (wide.token < 0 || wide.at >= this.#text.length) return false;
    const isWhole = this.#glob.tokens[wide.token - 1] === directories;
    const next = isWhole ? this.#text.indexOf("/", wide.at) : wide.at;
    if (next < 0) return false;
    wide.at = next + 1;
    this.#token = wide.token;
    this.#at = wide.at;
    this.#star = { token: -1, at: 0 };
    return true;
  }
}
