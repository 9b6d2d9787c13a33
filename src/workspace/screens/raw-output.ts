import type { GuestShell } from "../../channel/shell-client.ts";
import type { ShellEvent } from "../../channel/shell-output.ts";
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
  readonly #wanted: Buffer;
  /** The end of what was searched, as long as a text could begin there. */
  #tail: Buffer = Buffer.alloc(0);
  #position: number;
  #isFound = false;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Bytes that are still to be kept. */
  #room: number;
  #droppedBytes = 0;
  #hasEnded = false;

  constructor(source: ShellSource, { cursor, maxChars, text }: ShellQuestion) {
    this.#source = source;
    this.#cursor = cursor;
    this.#room = maxChars;
    this.#wanted = Buffer.from(text ?? "");
    this.#position = cursor;
  }

  get position(): number {
    return this.#position;
  }

  get isFound(): boolean {
    return this.#isFound;
  }

  /** Takes in what the shell wrote by then; what is neither answered nor searched is passed by. */
  async takeUpTo({ nextPosition, ending }: GuestShell): Promise<void> {
    const isSearching = this.#wanted.length > 0 && !this.#isFound;
    const left = nextPosition - this.#position;
    const max = isSearching ? left : Math.min(left, this.#room);
    if (max > 0)
      for await (const event of this.#source.output({ from: this.#position, max }))
        this.#take(event);
    this.#position = Math.max(this.#position, nextPosition);
    this.#hasEnded = ending !== undefined && this.#keptEnd === nextPosition;
  }

  #take(event: ShellEvent): void {
    if (event.kind === "position") {
      // What falls out while we read would tear a hole into the text.
      if (this.#keptBytes > 0 && event.lostBytes > 0) this.#room = 0;
      if (this.#keptBytes === 0) this.#droppedBytes = event.position - this.#cursor;
      this.#position = event.position;
    }
    if (event.kind !== "bytes") return;
    this.#position += event.bytes.length;
    this.#keep(event.bytes);
    this.#search(event.bytes);
  }

  #keep(bytes: Buffer): void {
    if (this.#room === 0) return;
    const kept = Buffer.from(bytes.subarray(0, this.#room));
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
    this.#room -= kept.length;
  }

  #search(bytes: Buffer): void {
    if (this.#wanted.length === 0 || this.#isFound) return;
    const searched = Buffer.concat([this.#tail, bytes]);
    this.#isFound = searched.includes(this.#wanted);
    this.#tail = Buffer.from(
      searched.subarray(Math.max(0, searched.length - this.#wanted.length + 1)),
    );
  }

  get #keptEnd(): number {
    return this.#cursor + this.#droppedBytes + this.#keptBytes;
  }

  piece(): RawPiece {
    const all = Buffer.concat(this.#kept);
    const bytes = this.#hasEnded ? all : withoutPartOfCharacter(all);
    const output = bytes.toString("utf8");
    const isText = Buffer.from(output).equals(bytes);
    return {
      output,
      outputBase64: isText ? null : bytes.toString("base64"),
      nextCursor: this.#cursor + this.#droppedBytes + bytes.length,
      droppedBytes: this.#droppedBytes,
      truncated: this.#droppedBytes > 0,
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
