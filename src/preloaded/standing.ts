import { readFileSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { statFields } from "../platform/processes.ts";

const namespaces = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"];
/** Of the kernel's account of a process: who it is, what it may do, and where it may run. */
const statusFields =
  /^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp|Seccomp_filters|Cpus_allowed|Mems_allowed):.*$/gm;
/** What Node and the launcher raise for themselves, and what no process of ours may leave behind. */
const ownLimits = /^Max (open files|core file size) .*\n/gm;
const groupRoot = "/sys/fs/cgroup";
/** What is shared out to a control group. How many processes it may have is left out: systemd limits that for every terminal. */
const groupLimits = ["memory.max", "memory.high", "memory.swap.max", "cpu.max"];

/** What a process is and may do, as the kernel tells it, in a text that is the same for those of whom one can stand for the other. */
export function standingOf(pid: number): string {
  const at = (name: string) => readFileSync(`/proc/${pid}/${name}`, "latin1");
  const links = [...namespaces.map((name) => `ns/${name}`), "root"];
  return [
    ...(at("status").match(statusFields) ?? []),
    ...links.map((name) => readlinkSync(`/proc/${pid}/${name}`)),
    at("limits").replace(ownLimits, ""),
    // Its priority and niceness.
    ...statFields(pid).slice(15, 17),
    ...groupsOf(at("cgroup")),
    labelOf(pid),
  ].join("\n");
}

/** The control groups by which a process is held to less than others. */
function groupsOf(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [hierarchy, , path = ""] = line.split(":");
    // Of the older kind, each of which is for some limits; one that only has a name is for none.
    if (hierarchy !== "0") return line.includes(":name=") ? [] : [line];
    return limitsAbove(path);
  });
}

function limitsAbove(path: string): string[] {
  const own = groupLimits.flatMap((name) => {
    try {
      const limit = readFileSync(join(groupRoot, path, name), "latin1");
      return limit.startsWith("max") ? [] : [`${path} ${name} ${limit}`];
    } catch {
      return [];
    }
  });
  return path === "/" || path === "" || path === "."
    ? own
    : [...own, ...limitsAbove(dirname(path))];
}

/** What a security module of the kernel calls it. */
function labelOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/attr/current`, "latin1");
  } catch {
    return "";
  }
}
