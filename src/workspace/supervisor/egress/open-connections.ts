import type { ClientHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Destination } from "../../../network/decide.ts";
import { resetConnection } from "../../../platform/reset-connection.ts";
import { ForwardedConnection, type HostSide } from "../ports/forward-connection.ts";
import { standIn } from "./stand-in.ts";

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
  /** Serves the guest's end in the place of the host, and has the connection with the host to itself. */
  readonly serve?: ((guest: Duplex) => void) | undefined;
}

/** Connections that were made, each joined with that of one of the guest's programs. */
export class OpenConnections {
  readonly #open = new Set<OpenConnection>();

  get count(): number {
    return this.#open.size;
  }

  join(connection: OpenConnection, { stream, onEnd, serve }: Ends): void {
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
    try {
      ForwardedConnection.open(serve === undefined ? idling(socket) : served(serve), stream());
    } catch {
      // The guest is gone.
      socket.destroy();
    }
  }

  /** Resets those of which `isOver` is true. */
  cut(isOver: (destination: Destination) => boolean): void {
    for (const { destination, socket } of this.#open)
      if (isOver(destination)) resetConnection(socket);
  }
}

function idling(socket: Socket): Socket {
  return socket.setTimeout(idleMs, () => resetConnection(socket));
}

function served(serve: (guest: Duplex) => void): HostSide {
  const { guest, broker } = standIn();
  serve(broker);
  return guest;
}
