import { spawn } from "node:child_process";
import { once } from "node:events";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import { jailMark } from "../platform/stranded-jails.ts";
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
  /** Files to show, each on a read-only mount of its own. Default: none. */
  readonly readOnlyFiles?: readonly ReadOnlyFile[] | undefined;
  /** Descriptor from which bubblewrap reads a system call filter. Absent: the program has only its own. */
  readonly filterFd?: number | undefined;
}

/** A file of the host and where the jailed program finds it. */
export interface ReadOnlyFile {
  readonly source: string;
  readonly target: string;
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

/** All that a jailed program sees in its root but what it is shown by `readOnlyFiles`. */
export const jailRoot = ["/bin", "/dev", "/lib", "/lib64", "/proc", "/usr"] as const;

/** The bubblewrap arguments that come before the program. */
export function jailArguments(options: JailOptions): string[] {
  return [
    "--unshare-all",
    "--as-pid-1",
    "--new-session",
    ...jailMark,
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
    ...(options.readOnlyFiles ?? []).flatMap(({ source, target }) => ["--ro-bind", source, target]),
    ...(options.filterFd === undefined ? [] : ["--seccomp", String(options.filterFd)]),
    "--chdir",
    "/",
    "--",
  ];
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
