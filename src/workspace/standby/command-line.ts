import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { StandbyStatus } from "../../model/standby-results.ts";
import { type Config, preloadedEnvironment } from "../../platform/config.ts";
import { orphaning } from "../../platform/orphan.ts";
import { isAlive, killProcess, type ProcessIdentity } from "../../platform/processes.ts";
import type { Standbys } from "../machines/standbys.ts";
import { costOf } from "./standby-cost.ts";
import { defaultSettings, readSettingsSync } from "./standby-settings.ts";

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

/** Has one loaded where its user wants that and none waits, by a process that begins when a core is idle. */
export function preloadForUser(config: Config, standbys: Standbys, program: string): void {
  if (config.standby === "off" || waitingCommandLine(standbys) !== undefined) return;
  const followsSettings = config.standby !== "on";
  const settings = readSettingsSync(standbys) ?? (followsSettings ? undefined : defaultSettings);
  if (settings === undefined) return;
  const request: CommandLineRequest = { idleSeconds: settings.idleSeconds, followsSettings };
  const [starter, ...args] = orphaning;
  const node = [
    process.execPath,
    "--max-semi-space-size=4",
    program,
    "__wait",
    JSON.stringify(request),
  ];
  const child = spawn(starter, [...args, ...node], {
    cwd: "/",
    env: preloadedEnvironment(config),
    stdio: "ignore",
  });
  // Without it the next command is slower, and nothing else.
  child.on("error", () => undefined);
  child.unref();
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
  const { process, readyAt, idleSeconds } = waiting;
  return {
    readyAt,
    endsAt: new Date(Date.parse(readyAt) + idleSeconds * 1000).toISOString(),
    ...costOf(process, waiting),
  };
}
