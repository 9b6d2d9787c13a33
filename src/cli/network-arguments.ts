import { type Command, Option } from "commander";
import { type DeniedConnection, type EgressOptions, egressPresets } from "../index.ts";
import type { IO } from "./io.ts";
import { collectText } from "./key-value.ts";
import { printNote } from "./printer.ts";

export interface NetworkOptions extends EgressOptions {
  readonly allowHost?: readonly string[];
  readonly denyHost?: readonly string[];
}

/** What may be reached, once there is a way out. */
export function addNetworkOptions(command: Command): Command {
  return command
    .option(
      "--allow-host <target>",
      "what may be reached, and then only that: host, *.suffix, address, block or group, with :PORTS or without (repeatable)",
      collectText,
    )
    .option("--deny-host <target>", "what may not be reached (repeatable)", collectText)
    .addOption(
      new Option(
        "--network-preset <p>",
        "what is reachable beside that: open is the public internet, registries those of packages and code",
      ).choices(egressPresets),
    );
}

export function egressOptions({
  allowHost,
  denyHost,
  networkPreset,
}: NetworkOptions): EgressOptions {
  return { allowHosts: allowHost, denyHosts: denyHost, networkPreset };
}

const shownMax = 5;

/** What a command was not allowed to reach, and what a person can do about it. */
export function explainDenied(
  io: IO,
  denied: readonly DeniedConnection[],
  allowing: (target: string) => string,
): void {
  for (const { host, port, rule, count } of denied.slice(0, shownMax)) {
    const target = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const times = count === 1 ? "" : `, ${count} times`;
    printNote(io, `denied: ${target} (${rule}${times})`);
    printNote(io, `hint: ${allowing(target)}`);
  }
  if (denied.length > shownMax) printNote(io, `denied: ${denied.length - shownMax} more`);
}
