import type { ClientHttp2Stream } from "node:http2";
import { numberField, readAnswer, textField } from "./answers.ts";
import type { Meanings } from "./json.ts";

export interface LayerOptions {
  /** Whether to compute the digest of the unpacked layer. */
  readonly digest: boolean;
}

export interface LayerResult {
  readonly entryCount: number;
  readonly bytes: number;
  /** `sha256:…` of the uncompressed layer; null when it was not asked for. */
  readonly diffId: string | null;
}

export interface FinishResult {
  readonly usedBytes: number;
  readonly entryCount: number;
  /** Level of x86-64 that the image's C library needs, 1 to 4; 0 where nothing says. */
  readonly isaLevel: number;
}

/** The requests that make images and templates. An emulated guest may work on one for minutes without a byte. */
export class BuildClient {
  readonly #open: (path: string) => ClientHttp2Stream;

  constructor(open: (path: string) => ClientHttp2Stream) {
    this.#open = open;
  }

  /** Runs commands for their effect on the guest's page cache alone. */
  async warm(commands: readonly (readonly string[])[]): Promise<void> {
    const stream = this.#open("/v1/warm");
    stream.end(JSON.stringify({ commands }));
    await readAnswer(stream);
  }

  /**
   * Applies one image layer to the builder's disk: a tar that is plain or packed with gzip or zstd. The digest costs an
   * emulated guest half of its time.
   */
  async applyLayer(layer: AsyncIterable<Buffer>, { digest }: LayerOptions): Promise<LayerResult> {
    const stream = this.#open(`/v1/build/layer?digest=${digest ? "sha256" : "none"}`);
    const [answer] = await Promise.all([readAnswer(stream, refusals), feed(layer, stream)]);
    return {
      entryCount: numberField(answer, "entry_count"),
      bytes: numberField(answer, "bytes"),
      diffId: digest ? textField(answer, "diff_id") : null,
    };
  }

  /** Completes the builder's disk and unmounts it. */
  async finishImage(): Promise<FinishResult> {
    const stream = this.#open("/v1/build/finish");
    stream.end();
    const answer = await readAnswer(stream);
    return {
      usedBytes: numberField(answer, "used_bytes"),
      entryCount: numberField(answer, "entry_count"),
      isaLevel: numberField({ isa_level: 0, ...answer }, "isa_level"),
    };
  }
}

/** What a layer is refused for. */
const refusals: Meanings = {
  archive_refused: "environment_build_failed",
  limit_exceeded: "image_limit_exceeded",
};

/** Sends a layer for as long as it is taken: why it was not is told by the answer. Rejects for the layer's own failure alone. */
async function feed(layer: AsyncIterable<Buffer>, stream: ClientHttp2Stream): Promise<void> {
  for await (const chunk of layer) {
    if (!stream.write(chunk)) await drained(stream);
    if (stream.destroyed) return;
  }
  stream.end();
}

function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off("drain", settle).off("close", settle);
      resolve();
    };
    stream.on("drain", settle).on("close", settle);
    if (stream.destroyed) settle();
  });
}
