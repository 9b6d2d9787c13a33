import { readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { machinePrograms } from "../../drivers/driver.ts";
import { systemErrorCode } from "../../model/errors.ts";
import type { CpuLevel } from "../../model/machine-options.ts";
import { faultPoint } from "../../platform/fault.ts";
import {
  identifyProcess,
  identifySelf,
  isAlive,
  killProcess,
  type ProcessIdentity,
  processesHolding,
  signalProcess,
} from "../../platform/processes.ts";
import { removeTree } from "../../platform/remove-tree.ts";

/** What a machine is started with, as far as others can be claimed in its stead. */
export interface StandbySpec {
  readonly environment: string;
  readonly vcpuCount: number;
  readonly memMib: number;
  readonly cpu: CpuLevel;
}

/** A machine that was asked for, and the key of those that are like it. */
export interface StandbyWanted {
  readonly spec: StandbySpec;
  readonly key: string;
}

/** A file without which a standby is stale, as it was when that started. */
export interface Pin {
  readonly path: string;
  readonly look: string;
}

/** What is known of a standby, in a file of its directory. */
export interface StandbyRecord extends StandbySpec {
  readonly process: ProcessIdentity;
  readonly driver: string;
  /** Who had it started, and ends it when it wants another. */
  readonly keeper: string;
  readonly readyAt: string;
  readonly idleSeconds: number;
  /** Processor time that the monitor had used by then, in ticks of the kernel. */
  readonly usedTicks: number;
  readonly pins: readonly Pin[];
}

/** A machine that waits, and the name of its directory among those that do. */
export interface Standby {
  readonly name: string;
  readonly record: StandbyRecord;
}

/** A standby that this process has, and nobody else. */
export interface HeldStandby {
  readonly directory: string;
  readonly record: StandbyRecord;
}

const recordName = "standby.json";
/** Whoever makes one has written down what it is by then. */
const newMs = 60_000;

/**
 * Machines that have run a command already and wait for somebody who wants one. Each is a directory that is renamed by whoever
 * takes it, which only one can; its new name says who that is, so that the machine ends with its holder (`guard/standby.go`).
 */
export class Standbys {
  readonly root: string;
  readonly readyDirectory: string;
  readonly heldDirectory: string;

  constructor(stateDirectory: string) {
    this.root = join(stateDirectory, "standby");
    this.readyDirectory = join(this.root, "ready");
    this.heldDirectory = join(this.root, "held");
  }

  /** Those that wait, in no order. */
  list(): Standby[] {
    return namesIn(this.readyDirectory).flatMap((name) => {
      const record = readRecord(join(this.readyDirectory, name));
      return record === undefined ? [] : { name, record };
    });
  }

  /** How many wait, and how many nobody can have any more. */
  count(): { waiting: number; stale: number } {
    const waiting = this.list().filter(({ record }) => isUsable(record)).length;
    const left = namesIn(this.readyDirectory).length - waiting;
    return {
      waiting,
      stale: left + namesIn(this.heldDirectory).filter((name) => !isHeld(name)).length,
    };
  }

  /** Those of a key that are alive and wait. */
  waiting(key: string): Standby[] {
    return this.list().filter(({ name, record }) => name.startsWith(`${key}.`) && isUsable(record));
  }

  /** A machine of this key, for us alone. What is found dead on the way is removed. */
  async claim(key: string): Promise<HeldStandby | undefined> {
    for (const name of namesIn(this.readyDirectory)) {
      if (!name.startsWith(`${key}.`)) continue;
      const held = this.take(name);
      if (held === undefined) continue;
      faultPoint("standby.claimed");
      if (held.record !== undefined && isUsable(held.record))
        return { directory: held.directory, record: held.record };
      await this.end(held);
    }
    return undefined;
  }

  /** Makes what waits ours; undefined when somebody else was faster, or its guardian could not see that we have it. */
  take(name: string): { directory: string; record: StandbyRecord | undefined } | undefined {
    const record = readRecord(join(this.readyDirectory, name));
    if (record !== undefined && isOutOfSight(record)) return undefined;
    const directory = this.heldPath(name.slice(name.lastIndexOf(".") + 1));
    try {
      renameSync(join(this.readyDirectory, name), directory);
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    }
    return { directory, record };
  }

  /** Where a standby is that this process has. */
  heldPath(id: string): string {
    const { pid, startTicks } = identifySelf();
    return join(this.heldDirectory, `${id}.${pid}.${startTicks}`);
  }

  /** Gives what we have to whoever wants it next. */
  offer(directory: string, key: string): void {
    const [id] = directory.slice(this.heldDirectory.length + 1).split(".");
    renameSync(directory, join(this.readyDirectory, `${key}.${id}`));
  }

  /** Ends a standby that we have, and removes what is left of it. */
  async end({ directory, record }: { directory: string; record: StandbyRecord | undefined }) {
    if (record !== undefined) await killProcess(record.process);
    await removeTree(directory);
  }

  /** Ends those that are chosen, unless somebody claims them first. Answers how many. */
  async endWaiting(isChosen: (standby: Standby) => boolean): Promise<number> {
    let ended = 0;
    for (const standby of this.list().filter(isChosen)) {
      const held = this.take(standby.name);
      if (held === undefined) continue;
      await this.end(held);
      ended++;
    }
    return ended;
  }

  /** The same for whoever is about to end: guardians remove what is left. */
  dismiss(isChosen: (standby: Standby) => boolean): void {
    for (const standby of this.list().filter(isChosen)) {
      const held = this.take(standby.name);
      if (held?.record !== undefined) signalProcess(held.record.process, "SIGKILL");
    }
  }

  /** Removes what processes left that were killed, and machines that no guardian looks after any more. */
  async sweep(): Promise<number> {
    let swept = await this.endWaiting(({ record }) => !isUsable(record));
    for (const name of namesIn(this.heldDirectory)) {
      if (isHeld(name)) continue;
      const directory = join(this.heldDirectory, name);
      const record = readRecord(directory);
      // Without one it is being started in another container, or has become somebody's a moment ago.
      if (record === undefined ? isNew(directory) : isOutOfSight(record)) continue;
      await Promise.all(processesHolding(directory, machinePrograms).map(killProcess));
      await this.end({ directory, record });
      swept++;
    }
    return swept;
  }
}

/** Where the parts of a standby are in its directory. */
export function standbyPaths(directory: string): { sockets: string; disk: string; record: string } {
  return {
    sockets: join(directory, "sockets"),
    disk: join(directory, "disk.ext4"),
    record: join(directory, recordName),
  };
}

/** How a file looks that a standby depends on. */
export function pin(path: string): Pin {
  return { path, look: lookOf(path) ?? "" };
}

function isUsable({ process, pins }: StandbyRecord): boolean {
  return isAlive(process) && pins.every(({ path, look }) => lookOf(path) === look);
}

/** Whether its guardian is in another container, where it sees nobody of ours. */
function isOutOfSight({ process }: StandbyRecord): boolean {
  return process.bootId !== identifySelf().bootId && isAlive(process);
}

function isNew(directory: string): boolean {
  const found = statSync(directory, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs < newMs;
}

/** How a file looks, which changes when it is replaced or written to; undefined when there is none. */
export function lookOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && [found.dev, found.ino, found.mtimeNs].join(" ");
}

function isHeld(name: string): boolean {
  const [, pid, startTicks] = name.split(".");
  return identifyProcess(Number(pid))?.startTicks === startTicks;
}

function readRecord(directory: string): StandbyRecord | undefined {
  try {
    return JSON.parse(readFileSync(standbyPaths(directory).record, "utf8")) as StandbyRecord;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw error;
  }
}
