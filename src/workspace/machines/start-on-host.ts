import type { HostDriver, HostSpec } from "../../drivers/driver.ts";
import { newIdentity } from "./activation.ts";
import { type Attached, attachAgent, orDiscard } from "./attach-agent.ts";

const startDeadlineMs = 10_000;

/** The guest agent as an ordinary process of this host, in a directory of its own: no isolation at all. */
export async function startOnHost(
  driver: HostDriver,
  spec: HostSpec,
  signal: AbortSignal | undefined,
): Promise<Attached> {
  const machine = await driver.start(spec);
  const attached = await attachAgent(machine, startDeadlineMs, signal);
  return orDiscard(attached, async () => {
    await attached.client.activate({
      ...newIdentity("host-compat"),
      defaultEnv: hostEnvironment,
      defaultCwd: spec.directory,
    });
    return attached;
  });
}

/** What a command on the host needs to find programs; nothing of the caller's own environment. */
const hostEnvironment = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "LANG=C.UTF-8",
];
