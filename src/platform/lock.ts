import { setTimeout as sleep } from "node:timers/promises";
import { PyroError } from "../model/errors.ts";
import { namingFullDatabase } from "./full-database.ts";

const retryIntervalMs = 50;

export interface LockOptions {
  /** How long to wait for another holder; 0 tries once. Default: 15 minutes. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  /** Called once when somebody else holds the lock and we begin to wait. */
  onWait?: () => void;
}

/** Whether a name is a lock's, or that of what SQLite keeps beside one that is held. */
export function isLockFile(name: string): boolean {
  return /\.lock(-journal)?$/.test(name);
}

/** A lock between processes, gone with its holder however that ends. */
export interface Lock extends Disposable {
  release(): void;
}

/**
 * Takes the lock kept in `path`. SQLite's file lock is used because the kernel frees it when the
 * holder dies and Node has no flock of its own.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  const deadline = performance.now() + (options.timeoutMs ?? 15 * 60_000);
  for (let waited = false; ; ) {
    const lock = await tryLock(path);
    if (lock) return lock;
    options.signal?.throwIfAborted();
    if (performance.now() >= deadline)
      throw new PyroError("lock_timeout", `Another pyro process holds ${path}.`, {
        hint: "Wait for it to finish and try again.",
      });
    if (!waited) options.onWait?.();
    waited = true;
    await sleep(retryIntervalMs, undefined, options.signal ? { signal: options.signal } : {});
  }
}

/** The lock in `path`, or undefined when somebody holds it. */
export async function tryLock(path: string): Promise<Lock | undefined> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Error && /database is locked/.test(error.message)) return undefined;
    throw namingFullDatabase(error, path);
  }
  const release = () => {
    if (database.isOpen) database.close();
  };
  return { release, [Symbol.dispose]: release };
}
