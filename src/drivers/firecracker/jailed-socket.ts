import { closeSync, constants, fstatSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { PyroError, systemErrorCode } from "../../model/errors.ts";
import { isAlive, type ProcessIdentity, visiblePid } from "../../platform/processes.ts";
import { tryConnectUnix } from "../../platform/unix-socket.ts";

/** Linux's O_PATH, which Node does not name: what is there, without touching it. */
const whatIsThere = 0o10000000;

/**
 * A connection to a socket that a monitor listens on in the root of its jail, or undefined while it does not. The socket
 * has no name on the host: nobody else can take its place, no path is too long, and nothing is left of it.
 */
export async function tryConnectJailed(
  identity: ProcessIdentity,
  path: string,
): Promise<Socket | undefined> {
  const pid = visiblePid(identity);
  if (pid === undefined) return undefined;
  let socket: Socket | undefined;
  try {
    socket = await tryConnectThere(pid, path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || (code !== undefined && !isAlive(identity))) return undefined;
    throw error;
  }
  // Looked at once connected: by then the PID could have become another's.
  if (socket === undefined || isAlive(identity)) return socket;
  socket.destroy();
  return undefined;
}

/** A link in the monitor's root would lead to the host's own: whoever is in the place of a socket must be one. */
async function tryConnectThere(pid: number, path: string): Promise<Socket | undefined> {
  const found = openSync(`/proc/${pid}/root${path}`, whatIsThere | constants.O_NOFOLLOW);
  try {
    if (fstatSync(found).isSocket()) return await tryConnectUnix(`/proc/self/fd/${found}`);
  } finally {
    closeSync(found);
  }
  throw new PyroError(
    "vmm_failed",
    `The virtual machine monitor ${pid} has something else in the place of its socket ${path}.`,
    { hint: "Do not trust it: delete the machine." },
  );
}

/** Keeps trying as long as the monitor lives. Throws `guest_lost` when it does not, `process_elsewhere` when it is out of sight. */
export async function untilConnected<Connection>(
  identity: ProcessIdentity,
  tryConnect: () => Promise<Connection | undefined>,
  { pollMs, signal }: { readonly pollMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Connection> {
  for (;;) {
    signal?.throwIfAborted();
    const connection = await tryConnect();
    if (connection !== undefined) return connection;
    if (!isAlive(identity))
      throw new PyroError(
        "guest_lost",
        `The virtual machine ${identity.pid} is no longer running.`,
      );
    if (visiblePid(identity) === undefined)
      throw new PyroError(
        "process_elsewhere",
        `The virtual machine ${identity.pid} runs outside of this container, or in another one.`,
        { hint: "Do it where the machine was started, or on the host itself." },
      );
    await sleep(pollMs);
  }
}
