import { isLineBreak, type Secret } from "../model/secrets.ts";
import { formsOf } from "./forms.ts";
import { Matcher } from "./matcher.ts";

/** Line breaks in a row that a value may be torn by: a terminal's two, and an empty line. More of them end it. */
const lineBreaksMax = 4;

/** Fewer bytes of a value betray next to nothing of it, and what is typed must be seen. */
export const heldBytesMin = 4;
/** After so long a silence nothing is held back any more. */
export const silenceMs = 2_000;

const nothing = Buffer.alloc(0);

/** What stands in the place of a secret's value. */
export function redactedText(name: string): string {
  return `[REDACTED:${name}]`;
}

/** Values that must not be seen, ready to be found. */
export class SecretValues {
  readonly matcher: Matcher;
  /** By owner. */
  readonly markers: readonly Buffer[];

  constructor(secrets: readonly Pick<Secret, "name" | "value">[]) {
    this.markers = secrets.map(({ name }) => Buffer.from(redactedText(name)));
    this.matcher = new Matcher(
      secrets.flatMap(({ value }, owner) => formsOf(value).map((bytes) => ({ bytes, owner }))),
    );
  }

  /** The most bytes that a value can take in output, with line breaks strewn into it. */
  get spreadBytesMax(): number {
    return this.matcher.lengthMax * (1 + lineBreaksMax);
  }

  get isEmpty(): boolean {
    return this.markers.length === 0;
  }

  /** All of a text at once. */
  redactText(text: string): string {
    return this.redactAfter("", text);
  }

  /** What can be shown of a text that stands after another, in which a value may have begun. */
  redactAfter(before: string, text: string): string {
    if (this.isEmpty) return text;
    const redaction = new Redaction(() => this);
    redaction.push(Buffer.from(before));
    redaction.release();
    return Buffer.concat([redaction.push(Buffer.from(text)), redaction.release()]).toString("utf8");
  }

  /** How many bytes at the end of a text could be the beginning of a value. */
  begunBytes(text: string): number {
    if (this.isEmpty) return 0;
    const redaction = new Redaction(() => this);
    redaction.push(Buffer.from(text.slice(-this.spreadBytesMax)));
    return redaction.heldBytes;
  }

  /** A text that is a JSON document where it is one: its texts may be escaped in any way. */
  redactDocument(text: string): string {
    if (this.isEmpty) return text;
    try {
      return JSON.stringify(this.#redactValue(JSON.parse(text)));
    } catch {
      return this.redactText(text);
    }
  }

  /** Every text in a JSON value; keys are ours. */
  redactJson<T>(value: T): T {
    return this.isEmpty ? value : (this.#redactValue(value) as T);
  }

  #redactValue(value: unknown): unknown {
    if (typeof value === "string") return this.redactText(value);
    if (Array.isArray(value)) return value.map((entry) => this.#redactValue(entry));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, this.#redactValue(entry)]),
    );
  }
}

/** A stretch of the undecided bytes, counted without line breaks, that shows a value. */
interface Found {
  begin: number;
  end: number;
  owner: number;
  /** Of the longest pattern in it. */
  length: number;
  /** Its marker is out, and the bytes before are gone. */
  isMarked: boolean;
}

/**
 * Takes values out of one stream of output, however the stream is cut into chunks and whatever line breaks stand in them. It holds back no
 * more than could be the beginning of a value. Overlapping values become one marker, that of the longest.
 */
export class Redaction {
  readonly #current: () => SecretValues;
  readonly #keepsLength: boolean;
  #values: SecretValues;
  #node = 0;
  #lineBreaks = 0;
  /** Bytes that came and are not decided upon. */
  #held: Buffer = nothing;
  /** How many of them are no line breaks. */
  #heldCount = 0;
  #found: Found[] = [];

  /**
   * `current` is asked with every chunk: what becomes a secret while the output flows is one from then on. With `keepsLength`, asterisks
   * stand in the place of a value, as many as it has bytes, instead of its marker.
   */
  constructor(current: () => SecretValues, { keepsLength = false } = {}) {
    this.#current = current;
    this.#keepsLength = keepsLength;
    this.#values = current();
  }

  /** How many bytes wait for what follows. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** How many of the newest bytes could be the beginning of a value, whether they were shown or not. */
  get begunBytes(): number {
    return this.#values.isEmpty ? 0 : (this.#values.matcher.heldDepth[this.#node] as number);
  }

  /** Those bytes, as long as no value ends in them. */
  heldText(): Buffer {
    return this.#found.length === 0 ? Buffer.from(this.#held) : nothing;
  }

  /** What can be shown, now that `chunk` came. */
  push(chunk: Buffer): Buffer {
    const values = this.#current();
    if (values !== this.#values) return this.#pushToOthers(values, chunk);
    if (values.isEmpty) return chunk;
    const count = this.#find(chunk);
    const all = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const undecided = values.matcher.heldDepth[this.#node] as number;
    return this.#decide(all, { count, decided: Math.max(0, count - undecided) });
  }

  /** What is held back, shown because nothing follows for now. What follows all the same is looked at as if it had come at once. */
  release(): Buffer {
    return this.#decide(this.#held, { count: this.#heldCount, decided: this.#heldCount });
  }

  /** The values changed: what was held back for the sake of others is shown. */
  #pushToOthers(values: SecretValues, chunk: Buffer): Buffer {
    const before = this.release();
    this.#values = values;
    this.#node = 0;
    this.#lineBreaks = 0;
    this.#found = [];
    return Buffer.concat([before, this.push(chunk)]);
  }

  /** Notes the values that end in `chunk`; answers how many bytes there are then, without line breaks. */
  #find(chunk: Buffer): number {
    const { matcher } = this.#values;
    const { successors, tableCount, matchLength } = matcher;
    let node = this.#node;
    let lineBreaks = this.#lineBreaks;
    let count = this.#heldCount;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] as number;
      if (byte === 0x0a || byte === 0x0d) {
        if (++lineBreaks > lineBreaksMax) node = 0;
        continue;
      }
      lineBreaks = 0;
      count++;
      node =
        node < tableCount
          ? (successors[node * 256 + byte] as number)
          : matcher.deepSuccessor(node, byte);
      if (matchLength[node] !== 0) this.#note(count, node);
    }
    this.#node = node;
    this.#lineBreaks = lineBreaks;
    return count;
  }

  /** A value ends after `end` bytes; what it overlaps with becomes one with it. */
  #note(end: number, node: number): void {
    const length = this.#values.matcher.matchLength[node] as number;
    const owner = this.#values.matcher.matchOwner[node] as number;
    const begin = Math.max(0, end - length);
    const last = this.#found.at(-1);
    if (last === undefined || last.end <= begin) {
      this.#found.push({ begin, end, owner, length, isMarked: false });
      return;
    }
    last.end = end;
    if (length > last.length) Object.assign(last, { owner, length });
    for (let before = this.#found.at(-2); before !== undefined && before.end > begin; ) {
      this.#found.splice(-2, 1);
      last.begin = before.begin;
      last.isMarked ||= before.isMarked;
      before = this.#found.at(-2);
    }
    last.begin = Math.min(last.begin, begin);
  }

  /** Shows the first `decided` of `count` bytes and the line breaks after them, and holds back the rest. */
  #decide(all: Buffer, { count, decided }: { count: number; decided: number }): Buffer {
    const begin = positionFromEnd(all, count - decided);
    const shown = this.#found.length === 0 ? all.subarray(0, begin) : this.#show(all, begin);
    // A copy, so that a few bytes do not keep a whole chunk alive.
    this.#held = begin === all.length ? nothing : Buffer.from(all.subarray(begin));
    this.#heldCount = count - decided;
    this.#found = this.#found.filter(({ end }) => end > decided);
    for (const found of this.#found) {
      found.isMarked ||= found.begin < decided;
      found.begin = Math.max(0, found.begin - decided);
      found.end -= decided;
    }
    return shown;
  }

  /** Everything before `end` but the values, each of which may go on beyond it. */
  #show(all: Buffer, end: number): Buffer {
    const bytes = all.subarray(0, end);
    const parts: Buffer[] = [];
    let index = 0;
    let count = 0;
    for (const found of this.#found) {
      const begin = skipLineBreaks(bytes, skip(bytes, index, found.begin - count));
      if (begin === end) break;
      parts.push(bytes.subarray(index, begin));
      index = skip(bytes, begin, found.end - found.begin);
      if (this.#keepsLength) parts.push(Buffer.alloc(index - begin, "*"));
      else if (!found.isMarked) parts.push(this.#values.markers[found.owner] as Buffer);
      count = found.end;
    }
    parts.push(bytes.subarray(index));
    return Buffer.concat(parts);
  }
}

/** Where one is after `count` bytes that are no line breaks, or at the end. */
function skip(bytes: Buffer, from: number, count: number): number {
  let index = from;
  for (let left = count; left > 0 && index < bytes.length; index++)
    if (!isLineBreak(bytes[index] as number)) left--;
  return index;
}

function skipLineBreaks(bytes: Buffer, from: number): number {
  let index = from;
  while (index < bytes.length && isLineBreak(bytes[index] as number)) index++;
  return index;
}

/** Where the last `count` bytes that are no line breaks begin. */
function positionFromEnd(bytes: Buffer, count: number): number {
  let index = bytes.length;
  for (let left = count; left > 0; ) if (!isLineBreak(bytes[--index] as number)) left--;
  return index;
}
