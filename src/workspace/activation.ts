import { randomBytes } from "node:crypto";
import type { Activation, MachineIdentity } from "../channel/agent-client.ts";
import type { InstalledImage } from "../environments/store.ts";

/** What no other machine shares. */
export function newIdentity(hostname: string, notBeforeNs?: bigint): MachineIdentity {
  return {
    entropy: randomBytes(256),
    hostname,
    machineId: randomBytes(16).toString("hex"),
    notBeforeNs,
  };
}

/** What an image asks of the commands that run in it. */
export function activationDefaults({
  config,
}: InstalledImage): Omit<Activation, keyof MachineIdentity> {
  return {
    defaultEnv: config.env,
    defaultCwd: config.workingDirectory ?? "/workspace",
    defaultUser: config.user,
  };
}
