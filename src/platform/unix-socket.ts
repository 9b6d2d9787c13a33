import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, closeSync, constants, openSync, renameSync } from "node:fs";
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

/** A socket that listens for a child, which inherits its descriptor. */
export interface InheritableListener extends Disposable {
  readonly fd: number;
  /** The last name of its address, which it and what it accepts bear for good; no other socket has it. */
  readonly boundName: string;
  /** Gives the socket its name and lets go of it; the child must have been started. */
  handOver(): void;
}

/** Listens on what will be `path`. Until it is handed over it bears another name, so that nobody's connection ends with us. */
export async function listenForChild(path: string): Promise<InheritableListener> {
  const unnamed = `${path}.${randomBytes(6).toString("hex")}.partial`;
  const server = await listenUnix(unnamed);
  return {
    fd: descriptorOf(server),
    boundName: basename(unnamed),
    handOver: () => {
      renameSync(unnamed, path);
      // Removes what it once bound, which has another name now.
      server.close();
    },
    [Symbol.dispose]: () => server.close(),
  };
}

/** Node tells it by this handle only. */
function descriptorOf(server: Server): number {
  const { _handle: handle } = server as Server & { readonly _handle?: { readonly fd?: unknown } };
  assert(typeof handle?.fd === "number" && handle.fd >= 0, "a listening server has a descriptor");
  return handle.fd;
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
