import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import { ConsoleRing } from "./console-ring.ts";

/**
 * The wall around every virtual machine monitor: bubblewrap with its own user, PID, mount, network,
 * IPC and UTS namespaces, no capabilities, no environment, and a root that holds the system's
 * programs, read-only, and nothing else. Files of ours come in as open descriptors, which the
 * program finds under /proc/self/fd: the jailed uid needs no path to them, and nobody can swap a path
 * between check and use.
 */
export interface JailOptions {
  /** Descriptor on which bubblewrap reports the child's PID. */
  readonly infoFd: number;
  /** Device files to show. */
  readonly devices: readonly string[];
}

/** The path of an inherited descriptor inside the jail. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * Unprivileged identity for monitors started by root: in the range from 60578 to 61183 that nobody gives out, neither to
 * people and packages nor, as systemd does right above it, to services while they run.
 */
const jailUid = 60_857;

/** The uid and gid to start bubblewrap with, or nothing when we are unprivileged already. */
export function jailIdentity(deviceGid?: number): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  return { uid: jailUid, gid: deviceGid ?? jailUid };
}

/** The bubblewrap arguments that come before the program. */
export function jailArguments(options: JailOptions): string[] {
  return [
    "--unshare-all",
    "--as-pid-1",
    "--new-session",
    "--die-with-parent",
    "--cap-drop",
    "ALL",
    "--clearenv",
    "--info-fd",
    String(options.infoFd),
    "--ro-bind",
    "/usr",
    "/usr",
    ...["lib", "lib64", "bin"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]),
    "--dev",
    "/dev",
    ...options.devices.flatMap((device) => ["--dev-bind", device, device]),
    "--proc",
    "/proc",
    "--chdir",
    "/",
    "--",
  ];
}

/** What the kernel says about a running monitor. */
export interface Confinement {
  readonly seccompFilter: boolean;
  readonly noNewPrivileges: boolean;
  readonly capabilities: bigint;
  readonly uid: number;
  readonly ownNamespaces: boolean;
  readonly networkInterfaces: readonly string[];
}

/** Reads how `pid` is confined, from the kernel and not from what we asked for. */
export function readConfinement(pid: number): Confinement {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
  const interfaces = readFileSync(`/proc/${pid}/net/dev`, "latin1").matchAll(/^\s*([^\s:|]+):/gm);
  return {
    seccompFilter: field("Seccomp") === "2",
    noNewPrivileges: field("NoNewPrivs") === "1",
    capabilities: ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
      .map((name) => BigInt(`0x${field(name)}`))
      .reduce((all, one) => all | one),
    uid: Number(field("Uid")),
    ownNamespaces: /^NSpid:\s+\d+\s+\d+/m.test(status),
    networkInterfaces: [...interfaces].flatMap((match) =>
      match[1] === undefined || match[1] === "lo" ? [] : [match[1]],
    ),
  };
}

/** Throws `jail_breached` naming every wall that is missing around `pid`. */
export function assertConfined(pid: number): void {
  const found = readConfinement(pid);
  const missing = [
    !found.seccompFilter && "no system call filter",
    !found.noNewPrivileges && "may gain privileges",
    found.capabilities !== 0n && `capabilities ${found.capabilities.toString(16)}`,
    found.uid === 0 && "runs as root",
    !found.ownNamespaces && "shares the host's process namespace",
    found.networkInterfaces.length > 0 &&
      `network interfaces ${found.networkInterfaces.join(", ")}`,
  ].filter((wall) => wall !== false);
  if (missing.length === 0) return;
  throw new PyroError(
    "jail_breached",
    `The virtual machine monitor ${pid} is not confined: ${missing.join("; ")}.`,
    {
      hint: "Run pyro doctor, and report this with its output.",
    },
  );
}

/** Sets the jail up around a harmless program; throws `jail_unavailable` or `host_tool_missing` when it cannot be. */
export async function tryJail(): Promise<void> {
  const child = spawn("bwrap", [...jailArguments({ infoFd: 3, devices: [] }), "/usr/bin/true"], {
    ...jailIdentity(),
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const words = new ConsoleRing(4096);
  child.stderr?.on("data", (chunk: Buffer) => words.push(chunk));
  const [code] = (await once(child, "close").catch((error: unknown) =>
    Promise.reject(missingJail(error)),
  )) as [number | null];
  if (code !== 0) throw unusableJail(words.tail());
}

/** bubblewrap's own complaint as an error with the way out. */
export function unusableJail(said: string): PyroError {
  return new PyroError(
    "jail_unavailable",
    `The jail for the virtual machine monitor cannot be set up: ${said.trim().split("\n").at(-1)}`,
    {
      hint: "bubblewrap needs user namespaces: allow them (sysctl kernel.unprivileged_userns_clone=1, or an AppArmor profile for bwrap), then run pyro doctor.",
    },
  );
}

/** The error of a failed start, with a missing bubblewrap named. */
export function missingJail(error: unknown): unknown {
  return systemErrorCode(error) === "ENOENT" ? bubblewrapMissing(error) : error;
}

export function bubblewrapMissing(cause?: unknown): PyroError {
  return new PyroError("host_tool_missing", "bwrap (bubblewrap) is not installed.", {
    hint: "Install it: sudo apt-get install bubblewrap",
    cause,
  });
}
