import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { visibleText } from "../../../model/text.ts";

/** State of a listening socket in the kernel's tables. */
const listening = "0A";

/** Which process listens on a port of this machine, as far as this user may know; undefined otherwise. */
export function describeListener(port: number): string | undefined {
  const inodes = new Set(["tcp", "tcp6"].flatMap((table) => listenersIn(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of processNumbers()) {
    if (!holdsSocket(pid, inodes)) continue;
    return `process ${pid}${programOf(pid)}`;
  }
  return undefined;
}

function listenersIn(table: string, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  try {
    const [, ...lines] = readFileSync(`/proc/net/${table}`, "utf8").trim().split("\n");
    return lines.flatMap((line) => {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      return state === listening && local.endsWith(`:${hexPort}`) ? [inode] : [];
    });
  } catch {
    return [];
  }
}

/** Its name alone: arguments may hold what is none of the caller's business. */
function programOf(pid: string): string {
  try {
    return ` (${visibleText(readFileSync(`/proc/${pid}/comm`, "utf8").trim())})`;
  } catch {
    return "";
  }
}

function processNumbers(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}

/** Other users' processes show nothing of theirs. */
function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlink(`/proc/${pid}/fd/${fd}`)) ?? [];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    return false;
  }
}

function readlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed meanwhile.
    return "";
  }
}
