import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { PyroError } from "../model/errors.ts";

/** The only protocol version this build speaks. */
export const protocolVersion = 1;

/** More than any earlier client can have left in flight; beyond it the peer is not our agent. */
const staleBytesMax = 64 << 20;

/**
 * Opens a conversation on a stream that may still carry bytes of an earlier client: sends a nonce
 * and drops everything up to its echo. Whatever follows the echo stays in the stream.
 */
export function attach(stream: Duplex, timeoutMs: number): Promise<void> {
  const line = Buffer.from(
    `PYRO/${protocolVersion} ${randomBytes(16).toString("hex")}\n`,
    "latin1",
  );
  const filter = new EchoFilter(line);
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      clearTimeout(timer);
      stream.off("readable", read);
      stream.off("error", settle);
      stream.off("close", closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const closed = () => settle(new PyroError("guest_lost", "The channel to the guest closed."));
    const read = () => {
      const rest = filter.read(stream);
      if (rest === undefined) {
        if (filter.droppedBytes > staleBytesMax)
          settle(
            new PyroError(
              "guest_protocol_error",
              "The guest floods the channel and does not answer.",
            ),
          );
        return;
      }
      settle();
      if (rest.length > 0) stream.unshift(rest);
    };
    const timer = setTimeout(
      () => settle(new PyroError("guest_lost", "The guest agent did not answer in time.")),
      timeoutMs,
    );
    stream.on("readable", read);
    stream.once("error", settle);
    stream.once("close", closed);
    stream.write(line);
    read();
  });
}

/** Looks for one line in a stream, keeping no more of it than the line is long. */
class EchoFilter {
  droppedBytes = 0;
  readonly #line: Buffer;
  #seen: Buffer = Buffer.alloc(0);

  constructor(line: Buffer) {
    this.#line = line;
  }

  /** What follows the line, or undefined when it has not come yet. */
  read(stream: Duplex): Buffer | undefined {
    for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) {
      const seen = Buffer.concat([this.#seen, chunk]);
      const at = seen.indexOf(this.#line);
      if (at >= 0) return seen.subarray(at + this.#line.length);
      this.#seen = seen.subarray(-this.#line.length);
      this.droppedBytes += seen.length - this.#seen.length;
    }
    return undefined;
  }
}
