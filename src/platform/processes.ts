import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PyroError, systemErrorCode } from "../model/errors.ts";

/** The kernel may have gigabytes of memory to free first. */
const killTimeoutMs = 10_000;

/** A process that cannot be mistaken for a later one with the same PID. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
  /** Of the host's start; in a container, followed by a slash and the number of the PID namespace in which `pid` counts. */
  readonly bootId: string;
}

/** The PID namespace that sees every process of a host; the kernel gives it no other number. */
const hostNamespace = "4026531836";

let cachedBootId: string | undefined;

/** Changes with every start of the host. */
export function currentBootId(): string {
  cachedBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return cachedBootId;
}

/** The identity of the living process `pid`, or undefined when there is none (a zombie is none). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const found = readStat(pid);
  if (found === undefined || (found.isZombie && !hasThreads(pid))) return undefined;
  return { pid, startTicks: found.startTicks, bootId: bootIdHere() };
}

/** What the kernel says of `pid`; undefined when there is no such process. */
function readStat(pid: number): { isZombie: boolean; startTicks: string } | undefined {
  const fields = statFields(pid);
  const [state] = fields;
  const startTicks = fields[19];
  if (startTicks === undefined || state === "X") return undefined;
  return { isZombie: state === "Z", startTicks };
}

/** Fields of `/proc/PID/stat` from the third on, the process's state; none when there is no such process. */
export function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command name is in parentheses and may hold anything; fields start after the last one.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || systemErrorCode(error) === "ESRCH") return [];
    throw error;
  }
}

let cachedNamespace: string | undefined;

/** Number of the PID namespace we are in. */
function ownNamespace(): string {
  cachedNamespace ??= readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  return cachedNamespace;
}

function bootIdHere(): string {
  const namespace = ownNamespace();
  return namespace === hostNamespace ? currentBootId() : `${currentBootId()}/${namespace}`;
}

/** A process whose first thread has ended still holds its files and locks for as long as another one ends. */
function hasThreads(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** Who we are. */
export function identifySelf(): ProcessIdentity {
  const self = identifyProcess(process.pid);
  if (self !== undefined) return self;
  throw new TypeError("a running process has an identity");
}

/** Whether exactly this process still lives. One in a container that cannot be looked into is taken to: it is not ours to judge. */
export function isAlive(identity: ProcessIdentity): boolean {
  return locate(identity) !== "gone";
}

/** Whether a process belongs to this start of the host. */
export function isOfThisBoot({ bootId }: ProcessIdentity): boolean {
  return bootId.split("/")[0] === currentBootId();
}

/** The PID of a process as we see it. */
function locate(identity: ProcessIdentity): number | "gone" | "elsewhere" {
  const { pid, startTicks, bootId } = identity;
  if (!isOfThisBoot(identity)) return "gone";
  const namespace = bootId.split("/")[1] ?? hostNamespace;
  if (namespace === ownNamespace())
    return identifyProcess(pid)?.startTicks === startTicks ? pid : "gone";
  const found = readdirSync("/proc").find(
    (name) =>
      innermostPid(name) === pid && identifyProcess(Number(name))?.startTicks === startTicks,
  );
  if (found !== undefined) return Number(found);
  return ownNamespace() === hostNamespace ? "gone" : "elsewhere";
}

/** What a process of a container inside of ours calls itself; undefined for every other one. */
function innermostPid(name: string): number | undefined {
  if (!/^\d+$/.test(name)) return undefined;
  try {
    const [, pids = ""] =
      /^NSpid:\t(.*)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8")) ?? [];
    const [, ...inner] = pids.split("\t");
    return inner.length === 0 ? undefined : Number(inner.at(-1));
  } catch {
    return undefined;
  }
}

/** Sends `signal` to exactly this process; false when it is gone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  const pid = locate(identity);
  if (pid === "gone") return false;
  if (pid === "elsewhere") throw elsewhere(identity);
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (systemErrorCode(error) === "ESRCH") return false;
    throw error;
  }
}

function elsewhere({ pid }: ProcessIdentity): PyroError {
  return new PyroError(
    "process_elsewhere",
    `Process ${pid} runs on this host outside of the container that this is, or in another one, and cannot be ended from here.`,
    { hint: "Do it where the machine was started, or on the host itself." },
  );
}

/** Waits until the process is gone; false when `timeoutMs` passes first. For processes that are not our children. */
export function waitUntilGone(
  identity: ProcessIdentity,
  timeoutMs: number,
  intervalMs = 5,
): Promise<boolean> {
  return passesWithin(timeoutMs, intervalMs, () => !isAlive(identity));
}

async function passesWithin(
  timeoutMs: number,
  intervalMs: number,
  test: () => boolean,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!test()) {
    if (performance.now() > deadline) return false;
    await sleep(intervalMs);
  }
  return true;
}

/** Kills exactly this process and waits until it is gone: only then may its files be touched. Throws `vmm_failed`. */
export async function killProcess(identity: ProcessIdentity): Promise<void> {
  if (!signalProcess(identity, "SIGKILL") || (await waitUntilGone(identity, killTimeoutMs))) return;
  throw survivor(identity);
}

/**
 * Kills a process of ours whose files nobody else ever opens, and waits only until it runs nothing any more: the kernel frees what
 * it had, which takes as long again, without anybody waiting. Throws `vmm_failed`.
 */
export async function haltProcess(identity: ProcessIdentity): Promise<void> {
  if (!signalProcess(identity, "SIGKILL")) return;
  // The first thread ends like all the others, by the signal that each of them has had by now.
  const hasHalted = () => !isAlive(identity) || readStat(identity.pid)?.isZombie !== false;
  if (!(await passesWithin(killTimeoutMs, 1, hasHalted))) throw survivor(identity);
}

function survivor({ pid }: ProcessIdentity): PyroError {
  return new PyroError("vmm_failed", `Process ${pid} survives SIGKILL.`, {
    hint: "The host is in trouble; look at dmesg.",
  });
}

/** The PID of exactly this process as we see it, or undefined when it is gone or out of our sight. */
export function visiblePid(identity: ProcessIdentity): number | undefined {
  const pid = locate(identity);
  return typeof pid === "number" ? pid : undefined;
}

/** Processes of `programs` (or with a version behind that name) that have a file of `directory` open: what a lost record would have named. */
export function processesHolding(
  directory: string,
  programs: readonly string[],
): ProcessIdentity[] {
  return readdirSync("/proc")
    .filter(
      (name) => /^\d+$/.test(name) && runsOneOf(name, programs) && opensBelow(name, directory),
    )
    .flatMap((name) => identifyProcess(Number(name)) ?? []);
}

/** Program and arguments, or what a process says that it is; empty for one that is gone. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

function runsOneOf(pid: string, programs: readonly string[]): boolean {
  try {
    const path = readlinkSync(`/proc/${pid}/exe`);
    // An upgrade replaces the file of a program that runs on.
    const name = basename(path.replace(/ \(deleted\)$/, ""));
    return programs.some((program) => name === program || name.startsWith(`${program}-`));
  } catch {
    // It ended meanwhile, or is not ours to look at.
    return false;
  }
}

function opensBelow(pid: string, directory: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) =>
      readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${directory}/`),
    );
  } catch {
    return false;
  }
}
