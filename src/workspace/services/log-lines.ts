import type { LogPiece } from "../../channel/service-client.ts";
import type { FollowedLine } from "./service-options.ts";

/** A longer line is told in pieces. */
const lineBytesMax = 64 * 1024;

interface Partial {
  at: Date;
  pieces: Buffer[];
  bytes: number;
}

/** Makes lines of the pieces of a log, each stream's of its own. */
export class LogLines {
  droppedBytes = 0;
  readonly #hand: (line: FollowedLine) => void | Promise<void>;
  readonly #partial = new Map<"stdout" | "stderr", Partial>();

  constructor(hand: (line: FollowedLine) => void | Promise<void>) {
    this.#hand = hand;
  }

  async push(piece: LogPiece): Promise<void> {
    if (piece.stream === "dropped") {
      this.droppedBytes += piece.byteCount;
      return;
    }
    const at = new Date(piece.atMs);
    let rest = piece.bytes;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      await this.#end(piece.stream, { at, piece: rest.subarray(0, end) });
      rest = rest.subarray(end + 1);
    }
    if (rest.length === 0) return;
    const partial = this.#partial.get(piece.stream) ?? { at, pieces: [], bytes: 0 };
    partial.pieces.push(rest);
    partial.bytes += rest.length;
    this.#partial.set(piece.stream, partial);
    if (partial.bytes >= lineBytesMax)
      await this.#end(piece.stream, { at, piece: Buffer.alloc(0) });
  }

  /** Hands on what has no end yet. */
  async finish(): Promise<void> {
    for (const [stream, { at }] of [...this.#partial])
      await this.#end(stream, { at, piece: Buffer.alloc(0) });
  }

  async #end(
    stream: "stdout" | "stderr",
    { at, piece }: { readonly at: Date; readonly piece: Buffer },
  ): Promise<void> {
    const partial = this.#partial.get(stream);
    this.#partial.delete(stream);
    // A copy: a line that is kept must not keep all that came with it.
    const text = Buffer.concat([...(partial?.pieces ?? []), piece]);
    await this.#hand({ at: partial?.at ?? at, stream, text });
  }
}
