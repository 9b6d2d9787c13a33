import { constants } from "node:os";
import type { ExecOutcome } from "../../channel/exec.ts";
import type { Isolation } from "../../drivers/driver.ts";
import { type CpuLevel, letsOut, type NetworkPolicy } from "../../model/machine-options.ts";
import type { RunResult } from "../../model/results.ts";

/** Conventions of shells and `timeout`. */
export const exitCodes = {
  timedOut: 124,
  notExecutable: 126,
  notFound: 127,
  signalBase: 128,
} as const;

export type CommandEnding = Pick<
  RunResult,
  "exitCode" | "signal" | "timedOut" | "outOfMemory" | "notStarted" | "durationMs"
>;

/** How a command ended, as a shell would say it. */
export function endingOf(outcome: ExecOutcome, command: readonly string[]): CommandEnding {
  switch (outcome.kind) {
    case "exited":
      return {
        exitCode: outcome.timedOut ? exitCodes.timedOut : outcome.exitCode,
        signal: null,
        timedOut: outcome.timedOut,
        outOfMemory: outcome.outOfMemory,
        notStarted: null,
        durationMs: outcome.durationMs,
      };
    case "signalled": {
      const number = constants.signals[`SIG${outcome.signal}` as NodeJS.Signals] ?? 0;
      const exitCode = outcome.timedOut ? exitCodes.timedOut : exitCodes.signalBase + number;
      return {
        exitCode,
        signal: outcome.signal,
        timedOut: outcome.timedOut,
        outOfMemory: outcome.outOfMemory,
        notStarted: null,
        durationMs: outcome.durationMs,
      };
    }
    case "not_started": {
      const found = outcome.reason !== "command_not_found";
      const reason = outcome.message || `${command[0]}: ${outcome.reason.replaceAll("_", " ")}`;
      return {
        exitCode: found ? exitCodes.notExecutable : exitCodes.notFound,
        signal: null,
        timedOut: false,
        outOfMemory: false,
        notStarted: reason,
        durationMs: 0,
      };
    }
  }
}

const illegal = "An illegal instruction ended the command";
const missing: Readonly<Record<CpuLevel, string>> = {
  v2: `${illegal}: this emulated guest's CPU is x86-64-v2, without AVX; one made with cpu "v3" has AVX2.`,
  v3: `${illegal}: this emulated guest's CPU is x86-64-v3, without AVX-512; that takes a host with /dev/kvm.`,
};

/** What glibc's loader says of a program or of itself, before it gives up with 127. */
const loaderRefusal = /CPU ISA level is lower than required|CPU does not support x86-64-v\d/;

/** What libraries and programs say where no name is known and nothing is reached. */
const unreachedTexts = [
  ...["name or service not known", "name resolution", "name does not resolve", "no such host"],
  ...["(?:could not|couldn't|cannot|unable to) resolve", "temporary failure resolving"],
  ...["failed to lookup address", "bad address '", "unknownhostexception", "getaddrinfo"],
  ...["enotfound", "eai_again", "network is unreachable", "enetunreach"],
];
const unreached = new RegExp(unreachedTexts.join("|"), "i");

const noNetwork =
  "There is no network in here: it is asked for when a VM or workspace is made. " +
  "pyro run --network, pyro workspace create --network-policy egress; over MCP, network of vm_run and network_policy of workspace_create.";

/** How a command ended, with the end of what it wrote to stderr. */
export interface ToldEnding extends Pick<CommandEnding, "exitCode" | "timedOut"> {
  readonly lastWords: string;
}

/** What of a guest explains an end. */
export interface GuestFacts {
  readonly isolation: Isolation;
  readonly cpu: CpuLevel | null;
  readonly networkPolicy: NetworkPolicy;
}

/** What about the guest explains an end that surprises. Shells tell of a child's signal by their exit code alone. */
export function hintFor(
  { exitCode, timedOut, lastWords }: ToldEnding,
  { isolation, cpu, networkPolicy }: GuestFacts,
): string | null {
  // Some, as apt-get update, only warn.
  if (isolation !== "none" && !letsOut(networkPolicy) && unreached.test(lastWords))
    return noNetwork;
  const isIllegalInstruction = exitCode === exitCodes.signalBase + constants.signals.SIGILL;
  const isRefused = exitCode !== 0 && loaderRefusal.test(lastWords);
  const needsMore = (isIllegalInstruction || isRefused) && !timedOut;
  return needsMore && isolation === "emulated" && cpu !== null ? missing[cpu] : null;
}
