import type { ShellQuestion } from "../../model/shell-reading.ts";
import type { ShellSource } from "./shell-source.ts";

export interface RawPiece {
  readonly output: string;
  readonly outputBase64: string | null;
  readonly nextCursor: number;
  readonly droppedBytes: number;
  readonly truncated: boolean;
}

/** What a shell wrote, byte for byte, from a cursor on. */
export class RawOutput {
  readonly #source: ShellSource;
  readonly #cursor: number;
  readonly #bytesMax: number;
  readonly #wanted: Buffer;
  /** The end of what was searched, as long as a text could begin there. */
  #tail: Buffer = Buffer.alloc(0);
  #position: number;
  #isFound = false;

  constructor(source: ShellSource, { cursor, maxChars, text }: ShellQuestion) {
    this.#source = source;
    this.#cursor = cursor;
    this.#bytesMax = maxChars;
    this.#wanted = Buffer.from(text ?? "");
    this.#position = cursor;
  }

  get position(): number {
    return this.#position;
  }

  get isFound(): boolean {
    return this.#isFound;
  }

  /** Passes by what need not be searched. */
  skipTo(position: number): void {
    this.#position = position;
  }

  /** Looks for the text in what came since, up to `end`. */
  async search(end: number): Promise<void> {
    if (this.#isFound || end <= this.#position) return;
    const events = this.#source.output({ from: this.#position, max: end - this.#position });
    for await (const event of events) {
      if (event.kind === "position") this.#position = event.position;
      if (event.kind !== "bytes") continue;
      this.#position += event.bytes.length;
      const searched = Buffer.concat([this.#tail, event.bytes]);
      if (searched.includes(this.#wanted)) this.#isFound = true;
      this.#tail = searched.subarray(Math.max(0, searched.length - this.#wanted.length + 1));
    }
  }

  async read(): Promise<RawPiece> {
    const chunks: Buffer[] = [];
    let position = this.#cursor;
    let droppedBytes = 0;
    let hasEnded = false;
    const events = this.#source.output({ from: this.#cursor, max: this.#bytesMax });
    for await (const event of events) {
      if (event.kind === "position") {
        // What falls out while we read would tear a hole into the text.
        if (chunks.length > 0) break;
        droppedBytes = event.lostBytes;
        position = event.position;
      } else if (event.kind === "bytes") chunks.push(event.bytes);
      else if (event.kind === "end") hasEnded = true;
    }
    const all = Buffer.concat(chunks);
    const bytes = hasEnded ? all : withoutPartOfCharacter(all);
    const output = bytes.toString("utf8");
    const isText = Buffer.from(output).equals(bytes);
    return {
      output,
      outputBase64: isText ? null : bytes.toString("base64"),
      nextCursor: position + bytes.length,
      droppedBytes,
      truncated: droppedBytes > 0,
    };
  }
}

/** The rest of a character that is being written is read with it, the next time. */
function withoutPartOfCharacter(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length - 1); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes;
    if (byte >= 0xc0) return back < lengthOf(byte) ? bytes.subarray(0, -back) : bytes;
  }
  return bytes;
}

/** Of the character that begins so; 0 where none does. */
function lengthOf(first: number): number {
  if (first > 0xf4 || first < 0xc2) return 0;
  if (first >= 0xf0) return 4;
  return first >= 0xe0 ? 3 : 2;
}
