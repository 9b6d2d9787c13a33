import { randomBytes } from "node:crypto";
import type { Activation, MachineIdentity } from "../../channel/agent-client.ts";
import type { InstalledImage } from "../../environments/store.ts";

/** What no other machine shares. */
export function newIdentity(hostname: string, notBeforeNs?: bigint): MachineIdentity {
  return {
    entropy: randomBytes(256),
    hostname,
    machineId: randomBytes(16).toString("hex"),
    notBeforeNs,
  };
}

/**
 * Package managers try again what fails for want of a network, npm for a minute and a half. Where there is none,
 * one try says it all; an image's own settings, and what a project's files say, go before these.
 */
const noRetries = [
  "npm_config_fetch_retries=0",
  "YARN_HTTP_RETRY=0",
  "PIP_RETRIES=0",
  "UV_HTTP_RETRIES=0",
  "POETRY_REQUESTS_MAX_RETRIES=0",
  "CARGO_NET_RETRY=0",
  "BUNDLE_RETRY=0",
] as const;

/** What an image asks of the commands that run in it. */
export function activationDefaults({
  config,
}: InstalledImage): Omit<Activation, keyof MachineIdentity> {
  return {
    defaultEnv: config.env,
    offlineEnv: noRetries,
    defaultCwd: config.workingDirectory ?? "/workspace",
    defaultUser: config.user,
  };
}
