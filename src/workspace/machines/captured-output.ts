import { isUtf8 } from "node:buffer";
import { HeadAndTail } from "../../model/head-and-tail.ts";
import { limits } from "../../model/limits.ts";

/** An output stream kept for a result, up to a cap; what is missing in the middle is counted and said. */
export class CapturedOutput {
  readonly #head: Buffer[] = [];
  readonly #stream = new HeadAndTail(
    limits.capturedOutputBytesMax - limits.capturedTailBytesMax,
    limits.capturedTailBytesMax,
  );

  push(chunk: Buffer): void {
    const head = this.#stream.push(chunk);
    // Frames are views of larger buffers; a copy keeps those from staying alive.
    if (head.length > 0) this.#head.push(Buffer.from(head));
  }

  /** The text, and the exact bytes when they are not text. */
  finish(): { text: string; base64: string | null; truncated: boolean } {
    const { droppedBytes } = this.#stream;
    const gap = droppedBytes === 0 ? [] : [Buffer.from(droppedText(droppedBytes))];
    const bytes = Buffer.concat([...this.#head, ...gap, this.#stream.tail()]);
    return {
      text: bytes.toString("utf8"),
      base64: isUtf8(bytes) ? null : bytes.toString("base64"),
      truncated: droppedBytes > 0,
    };
  }
}

/** What stands where output is missing. */
export function droppedText(bytes: number): string {
  return `\n[pyro: ${bytes} bytes left out here]\n`;
}
