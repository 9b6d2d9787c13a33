import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StandbyStatus } from "../../model/standby-results.ts";
import { type Config, preloadedEnvironment } from "../../platform/config.ts";
import { startOrphan } from "../../platform/orphan.ts";
import { isAlive, killProcess, type ProcessIdentity } from "../../platform/processes.ts";
import type { Standbys } from "../machines/standbys.ts";
import { costOf, endOf } from "./standby-cost.ts";
import { wishOfUser } from "./standby-settings.ts";

const pollMs = 20;

/** What is known of a command line that is loaded and waits for somebody's. */
export interface CommandLineRecord {
  readonly process: ProcessIdentity;
  readonly readyAt: string;
  readonly idleSeconds: number;
  readonly usedTicks: number;
}

/** What such a process is told. */
export interface CommandLineRequest {
  readonly idleSeconds: number;
  /** Whether it holds only as long as `pyro standby on` does. */
  readonly followsSettings: boolean;
  /** Whether it is loaded even while others have every core. */
  readonly atOnce: boolean;
}

export function commandLinePaths({ root }: Standbys): { socket: string; record: string } {
  return { socket: join(root, "command-line"), record: join(root, "command-line.json") };
}

/** Undefined when none waits. */
export function waitingCommandLine(standbys: Standbys): CommandLineRecord | undefined {
  try {
    const text = readFileSync(commandLinePaths(standbys).record, "utf8");
    const record = JSON.parse(text) as CommandLineRecord;
    return isAlive(record.process) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Has one loaded where its user wants that and none waits, by a process that begins when a core is idle, or `atOnce`. Answers whether it is wanted. */
export function preloadForUser(
  config: Config,
  standbys: Standbys,
  { program, atOnce }: { readonly program: string; readonly atOnce: boolean },
): boolean {
  const wish = wishOfUser(config, standbys);
  if (wish === undefined || waitingCommandLine(standbys) !== undefined) return wish !== undefined;
  const { idleSeconds, followsSettings } = wish;
  const request: CommandLineRequest = { idleSeconds, followsSettings, atOnce };
  // As `bin/pyro` has it run.
  const node = [process.execPath, "--max-semi-space-size=4", program];
  startOrphan([...node, "__wait", JSON.stringify(request)], preloadedEnvironment(config));
  return true;
}

/** Waits until one is there for whoever is next, or for so long. */
export async function untilCommandLineWaits(
  standbys: Standbys,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const { socket } = commandLinePaths(standbys);
  const waits = () => waitingCommandLine(standbys) !== undefined && existsSync(socket);
  while (!waits() && performance.now() < deadline) await sleep(pollMs, undefined, { signal });
}

/** Ends it, unless somebody has just taken it. */
export async function endCommandLine(standbys: Standbys): Promise<void> {
  const waiting = waitingCommandLine(standbys);
  const { socket, record } = commandLinePaths(standbys);
  if (waiting !== undefined) await killProcess(waiting.process);
  for (const path of [socket, record]) rmSync(path, { force: true });
}

export function describeCommandLine(standbys: Standbys): StandbyStatus["commandLine"] {
  const waiting = waitingCommandLine(standbys);
  if (waiting === undefined) return null;
  const { process, readyAt } = waiting;
  return { readyAt, endsAt: endOf(waiting), ...costOf(process, waiting) };
}
