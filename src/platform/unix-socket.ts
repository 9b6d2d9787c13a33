import { once } from "node:events";
import { chmodSync, closeSync, constants, openSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { basename, dirname } from "node:path";

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
