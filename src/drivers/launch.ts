import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { PyroError } from "../model/errors.ts";
import { identifyProcess, type ProcessIdentity } from "../platform/processes.ts";
import { endStrandedJails } from "../platform/stranded-jails.ts";
import { writeAllowance } from "./allowance-record.ts";
import type { Allowance } from "./confinement.ts";
import { ConsoleRing } from "./console-ring.ts";
import type { Descriptors } from "./descriptors.ts";
import type { MachineExit, MachineLifetime } from "./driver.ts";
import { guardianCommand } from "./guardian.ts";
import {
  bubblewrapMissing,
  jailArguments,
  jailIdentity,
  missingJail,
  unusableJail,
} from "./jail.ts";
import { gateCommand, gateFd, type MonitorStreams } from "./jail-gate.ts";

const infoFd = 3;

export interface LaunchOptions extends MonitorStreams {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly devices: readonly string[];
  readonly descriptors: Descriptors;
  /** Group of the device file the program must open, when it needs one. */
  readonly deviceGid: number | undefined;
  readonly lifetime: MachineLifetime;
  /** The guest agent's program, which guards a machine that outlives us. */
  readonly guardianProgram: string;
  /** Sockets that the program makes by itself in the jail's root. Default: none. */
  readonly ownSockets?: readonly string[] | undefined;
  /** A system call filter of ours, and the inherited socket through which bubblewrap reads it. */
  readonly filter?: { readonly fd: number; readonly program: Buffer } | undefined;
}

export interface LaunchedProcess {
  readonly child: ChildProcess;
  readonly identity: ProcessIdentity;
  readonly exited: Promise<MachineExit>;
  readonly allowance: Allowance;
}

/** Starts `program` in the jail and learns its PID. */
export async function launchJailed(options: LaunchOptions): Promise<LaunchedProcess> {
  const { devices, descriptors, filter, ownSockets } = options;
  const jail = jailArguments({
    devices,
    infoFd,
    readOnlyFiles: descriptors.readOnlyFiles,
    filterFd: filter?.fd,
  });
  const jailed = [...jail, ...gateCommand(options), options.program, ...options.arguments];
  const [starter = "", ...args] = [...guardian(options), "bwrap", ...jailed];
  const child = spawn(starter, args, {
    // A guardian passes it on; itself it must see what the jailed uid must not.
    ...(options.lifetime === "caller" && jailIdentity(options.deviceGid)),
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    stdio: descriptors.stdio(["ignore", "pipe", "pipe", "pipe", "pipe"]),
  });
  descriptors.handOver();
  if (filter !== undefined) giveAll(child.stdio[filter.fd] as Socket, filter.program);
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
  let allowance: Allowance;
  try {
    if (identity === undefined) throw await startFailure(exited);
    allowance = {
      ...descriptors.allowanceOf(pid, filter === undefined ? 1 : 2),
      ...(ownSockets && { ownSockets }),
    };
    if (options.lifetime !== "caller") {
      writeAllowance(options.lifetime.directory, allowance);
      options.lifetime.claim(identity);
    }
    // Whoever stands between us and the jail keeps the other end open.
    gatePipe.end("go\n", () => gatePipe.destroy());
  } catch (error) {
    gatePipe.destroy();
    throw error;
  }
  child.stdout?.destroy();
  // While the machine starts, there is time to look for those of others that never did.
  endStrandedJails();
  return { child, identity, exited, allowance };
}

/** bubblewrap and what it runs die with their parent. A machine that outlives us gets a guardian as its parent. */
function guardian({ lifetime, guardianProgram, deviceGid }: LaunchOptions): string[] {
  if (lifetime === "caller") return [];
  return guardianCommand({ program: guardianProgram, lifetime, identity: jailIdentity(deviceGid) });
}

function giveAll(stream: Socket, bytes: Buffer): void {
  // Who no longer reads has ended, and its end tells why.
  stream.on("error", () => undefined);
  stream.end(bytes, () => stream.destroy());
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
  const missing = /^bwrap: Can't find source path (.*): No such file/.exec(said)?.[1];
  if (missing !== undefined)
    return new PyroError("template_unusable", `A file of the machine is gone: ${missing}`);
  if (said.startsWith("bwrap:")) return unusableJail(said);
  // Said by whoever was to start bubblewrap.
  if (/bwrap.*No such file/.test(said)) return bubblewrapMissing();
  return new PyroError(
    "vmm_failed",
    `The virtual machine monitor did not start: ${said || "it said nothing"}`,
    { hint: "Run pyro doctor." },
  );
}
