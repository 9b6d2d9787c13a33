import { readdirSync, readFileSync } from "node:fs";
import { PyroError } from "../model/errors.ts";
import { jailRoot } from "./jail.ts";
import { type OpenFilesAllowance, unexpectedDescriptors } from "./open-files.ts";

/** What a monitor may be found with; everything else is a breach. */
export interface Allowance extends OpenFilesAllowance {
  /** Files in the jail's root, each on a read-only mount of its own. */
  readonly readOnlyFiles: readonly string[];
  /** How many system call filters each of its threads is under, its own among them. */
  readonly filterCount: number;
}

/** What the kernel says about a running monitor. */
export interface Confinement {
  readonly filterCount: number;
  readonly noNewPrivileges: boolean;
  readonly capabilities: bigint;
  readonly uid: number;
  readonly ownNamespaces: boolean;
  readonly networkInterfaces: readonly string[];
}

/** Reads how `pid` is confined, from the kernel and not from what we asked for. */
export function readConfinement(pid: number): Confinement {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const field = (name: string) => fieldOf(status, name);
  const interfaces = readFileSync(`/proc/${pid}/net/dev`, "latin1").matchAll(/^\s*([^\s:|]+):/gm);
  return {
    filterCount: Math.min(...threadStatuses(pid).map(filtersIn)),
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

function fieldOf(status: string, name: string): string {
  return new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
}

/** What the kernel says of each thread: filters are a thread's own. */
function threadStatuses(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/status`, "latin1");
    } catch {
      // It ended meanwhile.
      return [];
    }
  });
}

function filtersIn(status: string): number {
  // Kernels before 5.9 do not count them.
  return fieldOf(status, "Seccomp") === "2"
    ? Number(fieldOf(status, "Seccomp_filters") || Infinity)
    : 0;
}

/** Throws `jail_breached` naming every wall that is missing around `pid`. */
export function assertConfined(pid: number, allowance: Allowance): void {
  const found = readConfinement(pid);
  const missing = [
    found.filterCount < allowance.filterCount && "no system call filter",
    !found.noNewPrivileges && "may gain privileges",
    found.capabilities !== 0n && `capabilities ${found.capabilities.toString(16)}`,
    found.uid === 0 && "runs as root",
    !found.ownNamespaces && "shares the host's process namespace",
    found.networkInterfaces.length > 0 &&
      `network interfaces ${found.networkInterfaces.join(", ")}`,
    ...naming("sees", unexpectedEntries(pid, allowance)),
    ...naming("has mounted", unexpectedMounts(pid, allowance)),
    ...naming("has open", unexpectedDescriptors(pid, allowance)),
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

function naming(what: string, found: readonly string[]): string[] {
  return found.length === 0 ? [] : [`${what} ${found.slice(0, 8).join(", ")}`];
}

/** Names in its root that the jail does not have. */
function unexpectedEntries(pid: number, { readOnlyFiles, ownSockets = [] }: Allowance): string[] {
  const allowed = [...jailRoot, ...readOnlyFiles, ...ownSockets];
  return readdirSync(`/proc/${pid}/root`)
    .map((name) => `/${name}`)
    .filter((path) => !allowed.includes(path));
}

/** Mounts that the jail does not have, or that may be written and should not. */
function unexpectedMounts(pid: number, { readOnlyFiles }: Allowance): string[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, "latin1").trim().split("\n");
  return lines.flatMap((line) => {
    const [, , , , target = "", options = ""] = line.split(" ");
    const isPrivate = target === "/" || /^\/(dev|proc)(\/|$)/.test(target);
    const isReadOnly = options.split(",").includes("ro");
    const isShown = readOnlyFiles.includes(target) || /^\/usr(\/|$)/.test(target);
    return isPrivate || (isShown && isReadOnly) ? [] : [`${target} (${options})`];
  });
}
