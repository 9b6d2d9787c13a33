import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { PyroError } from "../../model/errors.ts";
import { identifyProcess, type ProcessIdentity } from "../../platform/processes.ts";
import { type InheritableListener, listenForChild } from "../../platform/unix-socket.ts";
import { ConsoleRing } from "../console-ring.ts";
import type { MachineExit, MachineLifetime } from "../driver.ts";
import { guardianCommand } from "../guardian.ts";
import {
  bubblewrapMissing,
  descriptorPath,
  jailArguments,
  jailIdentity,
  missingJail,
  unusableJail,
} from "../jail.ts";
import { endStrandedJails, gate, gateFd } from "../jail-gate.ts";

/** What a child finds at each descriptor from 5 on, in order. */
export type Inherited = "socket" | number;

const infoFd = 3;
const firstInheritedFd = 5;

export interface LaunchOptions {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly devices: readonly string[];
  readonly descriptors: Descriptors;
  /** Group of the device file the program must open, when it needs one. */
  readonly deviceGid: number | undefined;
  readonly lifetime: MachineLifetime;
}

export interface LaunchedProcess {
  readonly child: ChildProcess;
  readonly identity: ProcessIdentity;
  readonly exited: Promise<MachineExit>;
}

/** Numbers the descriptors a child inherits, so that its command line can name them. */
export class Descriptors {
  readonly inherited: Inherited[] = [];
  readonly #opened: number[] = [];
  readonly #listeners: InheritableListener[] = [];

  add(entry: Inherited): number {
    this.inherited.push(entry);
    return firstInheritedFd + this.inherited.length - 1;
  }

  /** Opens `path` for the child; our copy is closed by `close`. */
  open(path: string, flags: number = constants.O_RDONLY): number {
    const fd = openSync(path, flags);
    this.#opened.push(fd);
    return this.add(fd);
  }

  /** Opens `path` and answers where the child finds it. */
  share(path: string, flags?: number): string {
    return descriptorPath(this.open(path, flags));
  }

  /** Listens on `path` for the child. */
  async listen(path: string): Promise<number> {
    const listener = await listenForChild(path);
    this.#listeners.push(listener);
    return this.add(listener.fd);
  }

  /** Once the child has been started: what connects from now on is answered by it. */
  handOver(): void {
    for (const listener of this.#listeners.splice(0)) listener.handOver();
  }

  /** Closes our copies; the child has its own. */
  close(): void {
    for (const fd of this.#opened.splice(0)) closeSync(fd);
    for (const listener of this.#listeners.splice(0)) listener[Symbol.dispose]();
  }
}

/** Starts `program` in the jail and learns its PID. */
export async function launchJailed(options: LaunchOptions): Promise<LaunchedProcess> {
  const jail = jailArguments({ devices: options.devices, infoFd });
  const jailed = [...jail, ...gate, options.program, ...options.arguments];
  const [starter = "", ...args] = [...guardian(options.lifetime), "bwrap", ...jailed];
  const child = spawn(starter, args, {
    ...jailIdentity(options.deviceGid),
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    stdio: [
      "ignore",
      "pipe",
      "pipe",
      "pipe",
      "pipe",
      ...options.descriptors.inherited.map((entry) => (entry === "socket" ? "pipe" : entry)),
    ],
  });
  options.descriptors.handOver();
  const stderr = new ConsoleRing(4096);
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  // What a machine that outlives us may still say must not keep us.
  if (options.lifetime !== "caller") (child.stderr as Socket | null)?.unref();
  const exited = exitOf(child, stderr);
  const gatePipe = child.stdio[gateFd] as Socket;
  // The monitor may have ended already; then its exit tells more than our broken pipe.
  gatePipe.on("error", () => undefined);
  const pid = await readChildPid(child, exited);
  // By then bubblewrap has tied its child's life to ours.
  await Promise.race([child.stdout && once(child.stdout, "data"), exited]);
  const identity = identifyProcess(pid);
  try {
    if (identity === undefined) throw await startFailure(exited);
    if (options.lifetime !== "caller") options.lifetime.claim(identity);
    // Whoever stands between us and the jail keeps the other end open.
    gatePipe.end("go\n", () => gatePipe.destroy());
  } catch (error) {
    gatePipe.destroy();
    throw error;
  }
  child.stdout?.destroy();
  // While the machine starts, there is time to look for those of others that never did.
  endStrandedJails();
  return { child, identity, exited };
}

/**
 * bubblewrap and what it runs die with their parent. A machine that outlives us gets `timeout` as its
 * parent, which ends it when its time is over even if no pyro ever runs again.
 */
function guardian(lifetime: MachineLifetime): string[] {
  return lifetime === "caller" ? [] : guardianCommand(lifetime.ttlMs);
}

function exitOf(child: ChildProcess, stderr: ConsoleRing): Promise<MachineExit> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(missingJail(error)));
    child.once("close", (exitCode, signal) =>
      resolve({ exitCode, signal, stderrTail: stderr.tail() }),
    );
  });
}

/** Reads bubblewrap's report up to its closing brace; whoever stands between us and bubblewrap keeps the pipe open. */
async function readChildPid(child: ChildProcess, exited: Promise<MachineExit>): Promise<number> {
  const info = child.stdio[infoFd] as Readable;
  const reported = new Promise<string>((resolve) => {
    let text = "";
    info.setEncoding("utf8");
    info.on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("}")) resolve(text);
    });
  });
  const ended = exited.then(() => "");
  const pid = /"child-pid":\s*(\d+)/.exec(await Promise.race([reported, ended]))?.[1];
  info.destroy();
  if (pid === undefined) throw await startFailure(exited);
  return Number(pid);
}

async function startFailure(exited: Promise<MachineExit>): Promise<PyroError> {
  const { stderrTail } = await exited;
  const said = stderrTail.trim().split("\n").at(-1) ?? "";
  if (said.startsWith("bwrap:")) return unusableJail(said);
  // Said by whoever was to start bubblewrap.
  if (/bwrap.*No such file/.test(said)) return bubblewrapMissing();
  return new PyroError(
    "vmm_failed",
    `The virtual machine monitor did not start: ${said || "it said nothing"}`,
    { hint: "Run pyro doctor." },
  );
}
