import { once } from "node:events";
import { chmodSync, closeSync, constants, openSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import { systemErrorCode } from "../model/errors.ts";

/**
 * Listens on `path`, however long it is: socket addresses hold 107 bytes, so the directory is named by
 * a descriptor. Closing the server removes the socket.
 */
export async function listenUnix(path: string, mode = 0o600): Promise<Server & AsyncDisposable> {
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  const server = createServer();
  server.once("close", () => closeSync(directory));
  try {
    server.listen(`/proc/self/fd/${directory}/${basename(path)}`);
    await once(server, "listening");
    chmodSync(path, mode);
    return server;
  } catch (error) {
    closeSync(directory);
    throw error;
  }
}

/** Connects to the socket at `path`, however long it is. */
export function connectUnix(path: string): Socket {
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  const socket = connect(`/proc/self/fd/${directory}/${basename(path)}`);
  const release = () => {
    socket.off("connect", release);
    socket.off("close", release);
    closeSync(directory);
  };
  socket.once("connect", release);
  socket.once("close", release);
  return socket;
}

/** Nobody listens yet, or has no place in his queue, or ended while he took us. */
const notYet: readonly string[] = ["ENOENT", "ECONNREFUSED", "EAGAIN", "ECONNRESET"];

/** A connection to the socket at `path`, or undefined while nobody listens there. */
export function tryConnectUnix(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    let socket: Socket;
    try {
      socket = connectUnix(path);
    } catch (error) {
      // The directory itself may be gone.
      if (systemErrorCode(error) === "ENOENT") return resolve(undefined);
      return reject(error);
    }
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error) => {
      if (notYet.includes(systemErrorCode(error) ?? "")) resolve(undefined);
      else reject(error);
    });
  });
}
