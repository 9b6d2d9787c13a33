import type { ClientHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Destination } from "../../../network/decide.ts";
import { ForwardedConnection } from "../ports/forward-connection.ts";

/** Nobody keeps a connection alive by silence: neither side has sent a byte for so long. */
const idleMs = 3_600_000;

/** A connection to the outside, and what was decided about. */
export interface OpenConnection {
  readonly socket: Socket;
  readonly destination: Destination;
}

/** What became of an allowed one. */
export interface EgressEnd {
  /** Why there was no connection; null where there was. */
  readonly failure: string | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface Ends {
  /** Takes over the guest's end; throws where the guest is gone. */
  readonly stream: () => ClientHttp2Stream;
  readonly onEnd: (end: EgressEnd) => void;
}

/** Connections that were made, each joined with that of one of the guest's programs. */
export class OpenConnections {
  readonly #open = new Set<OpenConnection>();

  get count(): number {
    return this.#open.size;
  }

  join(connection: OpenConnection, { stream, onEnd }: Ends): void {
    const { socket } = connection;
    // A proxy was spoken to before.
    const sentBytes = socket.bytesWritten;
    const receivedBytes = socket.bytesRead - socket.readableLength;
    this.#open.add(connection);
    socket.once("close", () => {
      this.#open.delete(connection);
      onEnd({
        failure: null,
        sentBytes: socket.bytesWritten - sentBytes,
        receivedBytes: socket.bytesRead - receivedBytes,
      });
    });
    socket.setTimeout(idleMs, () => socket.resetAndDestroy());
    try {
      ForwardedConnection.open(socket, stream());
    } catch {
      // The guest is gone.
      socket.destroy();
    }
  }

  /** Resets those of which `isOver` is true. */
  cut(isOver: (destination: Destination) => boolean): void {
    for (const { destination, socket } of this.#open)
      if (isOver(destination)) socket.resetAndDestroy();
  }
}
