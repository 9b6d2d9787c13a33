import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** A socket, or what stands for one. */
export interface Resettable extends Duplex {
  resetAndDestroy(): void;
}

/**
 * Cuts a connection; the other side learns that when it reads, or when it writes though it has read the end. While the end of a socket is
 * on its way out, Node's own does nothing (24.21): the connection stays open for good, and `close` never comes. That is over within a turn
 * of the loop, because the end goes when all that was written has gone.
 */
export function resetConnection(connection: Resettable): void {
  const { writableEnded, writableFinished, writableLength, destroyed } = connection;
  const isEnding = writableEnded && !writableFinished && writableLength === 0 && !destroyed;
  if (isEnding && connection instanceof Socket)
    connection.once("finish", () => connection.resetAndDestroy());
  else connection.resetAndDestroy();
}
