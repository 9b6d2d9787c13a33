import { isUtf8 } from "node:buffer";
import { limits } from "../model/limits.ts";

/** The beginning of an output stream, kept up to a cap; the rest is counted and dropped. */
export class CapturedOutput {
  readonly #chunks: Buffer[] = [];
  #keptBytes = 0;
  #truncated = false;

  push(chunk: Buffer): void {
    const room = limits.capturedOutputBytesMax - this.#keptBytes;
    if (chunk.length > room) this.#truncated = true;
    if (room <= 0) return;
    // Frames are views of larger buffers; a copy keeps those from staying alive.
    const kept = Buffer.from(chunk.subarray(0, room));
    this.#chunks.push(kept);
    this.#keptBytes += kept.length;
  }

  /** The text, and the exact bytes when they are not text. */
  finish(): { text: string; base64: string | null; truncated: boolean } {
    const bytes = Buffer.concat(this.#chunks);
    return {
      text: bytes.toString("utf8"),
      base64: isUtf8(bytes) ? null : bytes.toString("base64"),
      truncated: this.#truncated,
    };
  }
}
