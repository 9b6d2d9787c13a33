import type { ClientHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { numberField, readAnswer, textField } from "./answers.ts";

export interface LayerOptions {
  readonly compression: "none" | "gzip" | "zstd";
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

  /** Applies one image layer to the builder's disk. The digest costs an emulated guest half of its time. */
  async applyLayer(layer: Readable, { compression, digest }: LayerOptions): Promise<LayerResult> {
    const stream = this.#open(
      `/v1/build/layer?compression=${compression}${digest ? "" : "&digest=none"}`,
    );
    const [answer] = await Promise.all([readAnswer(stream), feed(layer, stream)]);
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
    };
  }
}

/** Sends a layer; a refusal by the agent is told by its answer, not by the broken pipe it causes here. */
async function feed(layer: Readable, stream: ClientHttp2Stream): Promise<void> {
  try {
    await pipeline(layer, stream);
  } catch (error) {
    if (layer.errored) throw error;
  }
}
