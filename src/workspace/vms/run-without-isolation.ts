import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../model/results.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import { discard } from "../machines/attach-agent.ts";
import type { Host } from "../machines/host.ts";
import { type CommandRequest, runCommand } from "../machines/run-command.ts";
import { startOnHost } from "../machines/start-on-host.ts";

/** One command as an ordinary process of this host, in a directory that is gone afterwards. */
export async function runWithoutIsolation(host: Host, request: CommandRequest): Promise<RunResult> {
  const driver = host.compatDriver;
  const directory = mkdtempSync(join(host.config.stateDirectory, "compat-"));
  try {
    const started = await startOnHost(driver, { directory, lifetime: "caller" }, request.signal);
    try {
      return await runCommand(started.client, driver, request);
    } finally {
      await discard(started);
    }
  } finally {
    await removeTree(directory);
  }
}
