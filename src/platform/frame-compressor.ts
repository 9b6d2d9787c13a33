import { constants, createZstdCompress } from "node:zlib";

/** Compresses zstd frames one after another with one context: a new one for each would cost megabytes every time. */
export class FrameCompressor {
  readonly #stream = createZstdCompress({
    chunkSize: 256 * 1024,
    params: {
      // Fast enough that compressing costs less than the disk saves.
      [constants.ZSTD_c_compressionLevel]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
  #pieces: Buffer[] = [];

  constructor() {
    this.#stream.on("data", (piece: Buffer) => this.#pieces.push(piece));
    // Every failure reaches the write that met it.
    this.#stream.on("error", () => undefined);
  }

  /** The frame's pieces; one frame at a time. */
  async compress(frame: Buffer): Promise<readonly Buffer[]> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(frame, (error) => (error ? reject(error) : resolve()));
    });
    await new Promise<void>((resolve) => this.#stream.flush(constants.ZSTD_e_end, resolve));
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  close(): void {
    this.#stream.destroy();
  }
}
