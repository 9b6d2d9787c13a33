import { closeSync, mkdtempSync, openSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../model/results.ts";
import { removeTree } from "../platform/remove-tree.ts";
import { newIdentity } from "./activation.ts";
import { attachAgent, discard } from "./attach-agent.ts";
import type { Host } from "./host.ts";
import { type CommandRequest, runCommand } from "./run-command.ts";

const startDeadlineMs = 10_000;

/** One command as an ordinary process of this host, in a directory of its own: no isolation at all. */
export async function runWithoutIsolation(host: Host, request: CommandRequest): Promise<RunResult> {
  const driver = await host.compatDriver();
  const directory = mkdtempSync(join(host.config.stateDirectory, "compat-"));
  const root = openSync(directory, "r");
  try {
    const none = { kernelPath: "", initramfsPath: "", digest: "" };
    const machine = await driver.boot({
      vcpuCount: 1,
      memMib: host.memMib,
      boot: none,
      role: "workload",
      environmentDisk: root,
      hostDirectory: directory,
      lifetime: "caller",
    });
    const started = await attachAgent(machine, startDeadlineMs, request.signal);
    try {
      await started.client.activate({
        ...newIdentity("host-compat"),
        defaultEnv: hostEnvironment(),
        defaultCwd: directory,
      });
      return await runCommand(started.client, driver, request);
    } finally {
      await discard(started);
    }
  } finally {
    closeSync(root);
    await removeTree(directory);
  }
}

/** What a command on the host needs to find programs; nothing of the caller's own environment. */
export function hostEnvironment(): string[] {
  return ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"];
}
