import { readFileSync } from "node:fs";

/** The host's CPU, as the kernel names it. */
export function cpuModel(): string {
  return /^model name\s*:\s*(.+)$/m.exec(readFileSync("/proc/cpuinfo", "latin1"))?.[1] ?? "unknown";
}
