import { readFileSync } from "node:fs";
import { release } from "node:os";
import type { Setting } from "./behaviour.ts";
import { environment, type Place } from "./place.ts";

/** What guests of a pair run with here, or why none do. */
export async function settingOf(place: Place, key: string): Promise<Setting | string> {
  const { pair } = place;
  const report = await place.pyro.doctor();
  if (report.driver !== pair.driver || report.accelerator !== pair.accelerator)
    return `pyro would use ${report.driver ?? "nothing"} on ${report.accelerator ?? "nothing"}: ${report.reason}`;
  const version = report.checks.find(({ name }) => name === pair.driver)?.message ?? "";
  const { stdout } = await place.pyro.runInVm({
    environment,
    command: ["uname", "-r"],
    timeoutSeconds: 30 * place.patience,
  });
  return {
    key,
    pair: pair.name,
    date: new Date().toISOString().slice(0, 10),
    monitor: version.replace(/^version /, ""),
    hostKernel: release().split("-")[0] ?? "",
    guestKernel: stdout.trim(),
    cpu: cpuModel(),
    isNested: pair.accelerator === "kvm" && /^flags.*\bhypervisor\b/m.test(cpuInfo()),
  };
}

export function cpuInfo(): string {
  return readFileSync("/proc/cpuinfo", "latin1");
}

function cpuModel(): string {
  return /^model name\s*:\s*(.+)$/m.exec(cpuInfo())?.[1] ?? "unknown";
}
