import { PyroError } from "../../../model/errors.ts";

// Frames on a forwarded connection, and what either side may send before its first credit; see docs/protocol.md.

export const forwardKind = { data: 1, credit: 2, end: 3 } as const;
export const windowToGuestBytes = 64 * 1024;
export const windowToHostBytes = 128 * 1024;
export const forwardPayloadBytesMax = 65_536;

const headerBytes = 5;
const creditBytes = 4;

export type ForwardFrame =
  | { readonly kind: "data"; readonly payload: Buffer }
  | { readonly kind: "credit"; readonly byteCount: number }
  | { readonly kind: "end" };

/** Reads what a guest sends on a forwarded connection. Data is handed on as it comes: no frame is put together. */
export class ForwardDecoder {
  /** A header, or the payload of a credit, that has not come as a whole. */
  #partial: Buffer = Buffer.alloc(0);
  /** What is missing of the data of a frame. */
  #missing = 0;
  #hasEnded = false;

  /** Throws `guest_protocol_error` at what no agent of ours sends. */
  *push(chunk: Buffer): Generator<ForwardFrame> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#missing > 0) {
        const payload = rest.subarray(0, this.#missing);
        this.#missing -= payload.length;
        rest = rest.subarray(payload.length);
        yield { kind: "data", payload };
        continue;
      }
      const needed =
        this.#partial[0] === forwardKind.credit ? headerBytes + creditBytes : headerBytes;
      const more = rest.subarray(0, needed - this.#partial.length);
      rest = rest.subarray(more.length);
      this.#partial = Buffer.concat([this.#partial, more]);
      const frame = this.#complete();
      if (frame !== undefined) yield frame;
    }
  }

  /** What is there in one piece now; undefined while that is nothing, and for the head of data. */
  #complete(): ForwardFrame | undefined {
    if (this.#partial.length < headerBytes) return undefined;
    const kind = this.#partial[0];
    const length = this.#partial.readUInt32BE(1);
    if (this.#hasEnded && kind !== forwardKind.credit) throw broken();
    if (kind === forwardKind.credit && length === creditBytes) return this.#credit();
    this.#partial = Buffer.alloc(0);
    if (kind === forwardKind.data && length > 0 && length <= forwardPayloadBytesMax) {
      this.#missing = length;
      return undefined;
    }
    if (kind !== forwardKind.end || length > 0) throw broken();
    this.#hasEnded = true;
    return { kind: "end" };
  }

  #credit(): ForwardFrame | undefined {
    if (this.#partial.length < headerBytes + creditBytes) return undefined;
    const byteCount = this.#partial.readUInt32BE(headerBytes);
    this.#partial = Buffer.alloc(0);
    return { kind: "credit", byteCount };
  }
}

function broken(): PyroError {
  return new PyroError(
    "guest_protocol_error",
    "The guest broke the rules of a forwarded connection.",
  );
}
