import { type Command, Option } from "commander";
import {
  type DeniedConnection,
  destinationText,
  type EgressOptions,
  egressPresets,
  hostInRule,
  isOfProject,
  projectRefusalHint,
  visibleText,
} from "../index.ts";
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

/** The same in a workspace. */
export function wayOutOf(id: string): WayOut {
  return {
    allow: (target) => `A person can allow it: ${wayOutCommand(id, { target })}`,
    remove: (rule) => `A person can take that back: ${wayOutCommand(id, { rule })}`,
  };
}

/** What a person types so that a workspace reaches a target, or to take a denial back. */
export function wayOutCommand(
  id: string,
  what: { readonly target: string } | { readonly rule: string },
): string {
  const command = "target" in what ? `allow ${id} ${what.target}` : `remove ${id} '${what.rule}'`;
  return `pyro workspace network ${command}`;
}

/** How a person lets a command reach what it was not allowed to. */
export interface WayOut {
  allow(target: string): string;
  /** Of what a rule of theirs denies, which wins over whatever allows. */
  remove(rule: string): string;
}

/** As rules write it. */
export function targetText({ host, port }: Pick<DeniedConnection, "host" | "port">): string {
  return destinationText(hostInRule(visibleText(host, 80)), port);
}

/** What a command was not allowed to reach, and what a person can do about it. */
export function explainDenied(io: IO, denied: readonly DeniedConnection[], wayOut: WayOut): void {
  for (const { host, port, rule, count } of denied.slice(0, shownMax)) {
    const target = targetText({ host, port });
    const times = count === 1 ? "" : `, ${count} times`;
    printNote(io, `denied: ${target} (${visibleText(rule, 300)}${times})`);
    const hint = isOfProject(rule)
      ? projectRefusalHint
      : rule.startsWith("deny ")
        ? wayOut.remove(rule)
        : wayOut.allow(target);
    printNote(io, `hint: ${visibleText(hint, 500)}`);
  }
  if (denied.length > shownMax) printNote(io, `denied: ${denied.length - shownMax} more`);
}
