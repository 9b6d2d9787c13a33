import { PyroError } from "../model/errors.ts";

/** Kinds of frame in an exec response; see docs/protocol.md. */
export const frameKind = {
  stdout: 1,
  stderr: 2,
  end: 3,
  started: 4,
  /** Only ever sent by a supervisor: why the command's end will never be known. */
  refusal: 5,
  /** Only ever sent by a supervisor: the end, which its journal could not take yet. */
  unjournaledEnd: 6,
  /** Of logs of services and of late output: how many bytes of it are missing. */
  dropped: 7,
} as const;

/** Kinds of frame in a shell's output, beside those of output and end. */
export const shellFrameKind = { position: 5, size: 6, pause: 8 } as const;

const headerBytes = 5;
const payloadBytesMax = 65_536;

export interface Frame {
  readonly kind: number;
  readonly payload: Buffer;
}

/** A frame as it travels. */
export function encodeFrame(kind: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame[0] = kind;
  frame.writeUInt32BE(payload.length, 1);
  payload.copy(frame, headerBytes);
  return frame;
}

/** Bytes as frames none of which is larger than one may be. */
export function* encodeFrames(kind: number, bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += payloadBytesMax)
    yield encodeFrame(kind, bytes.subarray(at, at + payloadBytesMax));
}

/** Cuts a byte stream into frames; keeps at most one incomplete frame. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames completed by `chunk`. */
  *push(chunk: Buffer): Generator<Frame> {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      if (data.length < headerBytes) break;
      const length = data.readUInt32BE(1);
      if (length > payloadBytesMax)
        throw new PyroError(
          "guest_protocol_error",
          `The guest agent announced a frame of ${length} bytes; ${payloadBytesMax} is the limit.`,
        );
      if (data.length < headerBytes + length) break;
      yield { kind: data[0] ?? 0, payload: data.subarray(headerBytes, headerBytes + length) };
      data = data.subarray(headerBytes + length);
    }
    this.#rest = data;
  }

  /** Whether the stream may end here. */
  get complete(): boolean {
    return this.#rest.length === 0;
  }
}
