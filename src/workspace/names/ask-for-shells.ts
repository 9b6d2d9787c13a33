import { setTimeout as sleep } from "node:timers/promises";
import { AgentClient } from "../../channel/agent-client.ts";
import { tryConnectUnix } from "../../platform/unix-socket.ts";
import type { KnownName } from "./known-name.ts";

/** Whoever pressed a key waits no longer for a supervisor or its guest. */
const patienceMs = 300;

/** The shells that a supervisor tells of; none when there is nobody, or nobody who answers at once. */
export async function askForShells(socketPath: string): Promise<readonly KnownName[]> {
  const socket = await tryConnectUnix(socketPath).catch(() => undefined);
  if (socket === undefined) return [];
  using client = AgentClient.connectAttached(socket, { isSupervisor: true });
  const asked = client.shell.list().catch(() => []);
  const shells = await Promise.race([asked, sleep(patienceMs, [], { ref: false })]);
  return shells.map(({ id, ending }) => ({
    value: id,
    summary: ending === undefined ? "running" : "ended",
  }));
}
