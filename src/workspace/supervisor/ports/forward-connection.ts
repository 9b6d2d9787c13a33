import { type ClientHttp2Stream, constants } from "node:http2";
import { encodeFrame } from "../../../channel/frames.ts";
import { statusOf } from "../../../channel/json.ts";
import { type Resettable, resetConnection } from "../../../platform/reset-connection.ts";
import {
  ForwardDecoder,
  type ForwardFrame,
  forwardKind,
  forwardPayloadBytesMax,
  windowToGuestBytes,
  windowToHostBytes,
} from "./forward-frames.ts";

/** What is worth a frame of its own. */
const creditBytesMin = windowToHostBytes / 4;

/** What one end of a connection is on the host. */
export interface HostSide extends Resettable {
  destroySoon(): void;
}

/** Joins a connection of the host with one of the guest; both directions end by themselves. */
export class ForwardedConnection {
  readonly #socket: HostSide;
  readonly #stream: ClientHttp2Stream;
  readonly #decoder = new ForwardDecoder();
  /** What the guest takes before it gives more credit. */
  #credit = windowToGuestBytes;
  /** What the guest has sent and has no new credit for, and how much of that the client has taken. */
  #uncredited = 0;
  #taken = 0;
  #hasClientEnded = false;
  #hasGuestEnded = false;

  private constructor(socket: HostSide, stream: ClientHttp2Stream) {
    this.#socket = socket;
    this.#stream = stream;
  }

  /** `stream` is a request that the guest answers with the bytes of a connection. */
  static open(socket: HostSide, stream: ClientHttp2Stream): void {
    new ForwardedConnection(socket, stream).#run();
  }

  #run(): void {
    const socket = this.#socket;
    const stream = this.#stream;
    socket.on("readable", () => this.#sendOn());
    socket.once("end", () => this.#clientEnded());
    socket.on("error", () => this.#break());
    socket.once("close", () => this.#break());
    stream.once("response", (headers) => {
      if (statusOf(headers) !== 200) this.#break();
    });
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("error", () => this.#break());
    stream.once("close", () => this.#break());
  }

  /** Passes on what the client has sent, as far as the guest takes it: the rest holds the client back. */
  #sendOn(): void {
    while (this.#credit > 0 && this.#socket.readableLength > 0) {
      const length = Math.min(this.#credit, this.#socket.readableLength, forwardPayloadBytesMax);
      const piece: Buffer | null = this.#socket.read(length);
      if (piece === null) return;
      this.#credit -= piece.length;
      if (this.#stream.writable) this.#stream.write(encodeFrame(forwardKind.data, piece));
    }
    // Nobody is told of more, or of the end, without having asked.
    if (this.#socket.readableLength === 0) this.#socket.read(0);
  }

  #clientEnded(): void {
    this.#hasClientEnded = true;
    if (this.#stream.writable) this.#stream.write(encodeFrame(forwardKind.end, Buffer.alloc(0)));
    this.#finish();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.push(chunk)) this.#take(frame);
    } catch {
      this.#break();
    }
  }

  #take(frame: ForwardFrame): void {
    switch (frame.kind) {
      case "data":
        this.#uncredited += frame.payload.length;
        if (this.#uncredited > windowToHostBytes) this.#break();
        else this.#socket.write(frame.payload, () => this.#give(frame.payload.length));
        return;
      case "credit":
        this.#credit = Math.min(this.#credit + frame.byteCount, windowToGuestBytes);
        this.#sendOn();
        return;
      case "end":
        this.#hasGuestEnded = true;
        this.#socket.end();
        this.#finish();
    }
  }

  /** The client has taken so much; the guest may send as much again. */
  #give(byteCount: number): void {
    this.#taken += byteCount;
    if (this.#taken < creditBytesMin || this.#hasGuestEnded || !this.#stream.writable) return;
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(this.#taken);
    this.#uncredited -= this.#taken;
    this.#taken = 0;
    this.#stream.write(encodeFrame(forwardKind.credit, payload));
  }

  #finish(): void {
    if (this.#hasClientEnded && this.#hasGuestEnded) this.#stream.end();
  }

  /** Whoever is left learns that the connection broke, unless both were done. */
  #break(): void {
    const isDone = this.#hasClientEnded && this.#hasGuestEnded;
    if (!isDone && !this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
    if (this.#socket.destroyed) return;
    if (isDone) this.#socket.destroySoon();
    else resetConnection(this.#socket);
  }
}
