import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { PyroError } from "../../model/errors.ts";
import type { QemuMonitor } from "./monitor.ts";

const deadlineMs = 30_000;
const pollMs = 2;

/** Where the device state of a machine goes. */
export interface StateTarget {
  readonly statePath: string;
  /** Takes the state from the jailed process. */
  readonly listener: Server & AsyncDisposable;
  /** The listener's socket as the jailed process sees it. */
  readonly jailedPath: string;
}

/** Where the device state of a machine comes from. */
export interface StateSource {
  readonly statePath: string;
  /** Our end of the socket that QEMU knows as `fd`. */
  readonly stream: Duplex;
  readonly fd: number;
}

/**
 * Stops the machine and writes its device state to a file. The state leaves QEMU through a socket:
 * it may not spawn a program to write it, and needs no file of ours open for writing.
 */
export async function saveState(monitor: QemuMonitor, target: StateTarget): Promise<void> {
  await using listener = target.listener;
  const written = once(listener, "connection").then(([socket]) =>
    pipeline(socket as Socket, createWriteStream(target.statePath, { mode: 0o644 })),
  );
  // Looked at once QEMU is done; until then it fails nobody.
  written.catch(() => undefined);
  // Not stopped first: the state then says "running", and a restored machine runs without being told to.
  await ignoreSharedMemory(monitor);
  await monitor.execute("migrate", { uri: `unix:${target.jailedPath}` });
  await waitUntilSaved(monitor);
  await written;
}

/** Resumes a machine started with `-incoming defer` from a saved state, which it reads from the socket `source.fd`. */
export async function loadState(monitor: QemuMonitor, source: StateSource): Promise<void> {
  const { stream } = source;
  // A QEMU that closes it early says elsewhere what it did not like.
  stream.on("error", () => stream.destroy());
  const state = await readFile(source.statePath);
  // Closed once it is written: an open end would keep us.
  stream.end(state, () => stream.destroy());
  // Sent together: QEMU answers in order, and nothing is won by waiting in between.
  await Promise.all([
    ignoreSharedMemory(monitor),
    monitor.execute("migrate-incoming", { uri: `fd:${source.fd}` }),
  ]);
}

/** Guest memory is the file both sides map, not part of the state. */
async function ignoreSharedMemory(monitor: QemuMonitor): Promise<void> {
  await monitor.execute("migrate-set-capabilities", {
    capabilities: [{ capability: "x-ignore-shared", state: true }],
  });
}

interface MigrationStatus {
  readonly status?: string;
  readonly "error-desc"?: string;
}

async function waitUntilSaved(monitor: QemuMonitor): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = (await monitor.execute("query-migrate")) as MigrationStatus;
    const { status, "error-desc": reason } = answer;
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled" || performance.now() > deadline) {
      const words = `Saving the template ended as "${status}"`;
      throw new PyroError("template_unusable", reason ? `${words}: ${reason}` : `${words}.`);
    }
    await sleep(pollMs);
  }
}
