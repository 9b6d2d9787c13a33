import { type Duplex, Transform, type TransformCallback } from "node:stream";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from "node:zlib";
import { Redaction, type SecretValues } from "../../secrets/redaction.ts";
import { type Header, Refusal } from "./refusal.ts";

/** What an answer ends with for now waits so long for more if it is so little of a value that it betrays next to nothing. */
const littleBytesMax = 3;
const littleWaitMs = 30;

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};
const codingsMax = 2;

export interface ResponseHead {
  readonly status: number;
  readonly headers: readonly Header[];
  /** Whether a body may follow. */
  readonly hasBody: boolean;
}

/** An answer without the values of credentials, and what its body goes through. Throws a {@link Refusal} where a body could not be looked into. */
export function maskResponse(
  { status, headers, hasBody }: ResponseHead,
  values: () => SecretValues,
): { readonly headers: readonly Header[]; readonly through: readonly Duplex[] } {
  const masked = maskHeaders(headers, values());
  if (!hasBody) return { headers: masked, through: [] };
  const codings = codingsOf(headers);
  if (codings.length === 0) return { headers: masked, through: [new Mask(values)] };
  const decoding = codings.toReversed().map((coding) => decoders[coding]?.());
  if (status === 206 || codings.length > codingsMax || decoding.includes(undefined))
    throw new Refusal(
      502,
      "The host answered in an encoding that cannot be searched for credentials.",
    );
  return {
    headers: masked.filter(([name]) => !/^content-(encoding|length)$/i.test(name)),
    through: [...decoding.filter((one) => one !== undefined), new Mask(values)],
  };
}

/** Header fields with markers in the place of values. */
export function maskHeaders(headers: readonly Header[], values: SecretValues): readonly Header[] {
  return headers
    .filter(([name]) => values.redactText(name) === name)
    .map(([name, value]) => [
      name,
      /^content-length$/i.test(name) ? value : redactBytes(value, values),
    ]);
}

/** A text whose characters are bytes. */
export function redactBytes(text: string, values: SecretValues): string {
  const redaction = new Redaction(() => values);
  const shown = redaction.push(Buffer.from(text, "latin1"));
  return Buffer.concat([shown, redaction.release()]).toString("latin1");
}

function codingsOf(headers: readonly Header[]): string[] {
  return headers
    .filter(([name]) => /^content-encoding$/i.test(name))
    .flatMap(([, value]) => value.toLowerCase().split(","))
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
}

/** Puts asterisks in the place of values, so that what follows stays where it is. More than a little of a value is never shown, however slowly it comes. */
export class Mask extends Transform {
  readonly #redaction: Redaction;
  #timer: NodeJS.Timeout | undefined;

  constructor(values: () => SecretValues) {
    super();
    this.#redaction = new Redaction(values, { keepsLength: true });
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    clearTimeout(this.#timer);
    this.#show(this.#redaction.push(chunk));
    const { begunBytes, heldBytes } = this.#redaction;
    if (heldBytes > 0 && begunBytes <= littleBytesMax)
      this.#timer = setTimeout(() => this.#show(this.#redaction.release()), littleWaitMs);
    done();
  }

  override _flush(done: TransformCallback): void {
    clearTimeout(this.#timer);
    this.#show(this.#redaction.release());
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    done(error);
  }

  #show(bytes: Buffer): void {
    if (bytes.length > 0) this.push(bytes);
  }
}
