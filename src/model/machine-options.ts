import { PyroError } from "./errors.ts";
import { defaults, limits } from "./limits.ts";

/** Levels of the x86-64 instruction set that an emulated CPU may have: v3 is v2 with AVX2, BMI and FMA. */
export const cpuLevels = ["v2", "v3"] as const;

export type CpuLevel = (typeof cpuLevels)[number];

/** The size that a machine can be asked to have. */
export interface SizeOptions {
  /** Virtual CPUs. Default 1. */
  readonly vcpuCount?: number | undefined;
  /** Guest memory in MiB. Default 1024. */
  readonly memMib?: number | undefined;
  /** What an emulated guest's CPU can do. Default: what the environment needs, v2 at least; with KVM guests see the host's own CPU. */
  readonly cpu?: CpuLevel | undefined;
}

/** What a guest may reach, and who may reach it. */
export const networkPolicies = [
  "off",
  "published-ports",
  "egress",
  "egress+published-ports",
] as const;

export type NetworkPolicy = (typeof networkPolicies)[number];

/** Whether programs of the guest may reach anything outside at all. */
export function letsOut(policy: NetworkPolicy): boolean {
  return policy === "egress" || policy === "egress+published-ports";
}

/** Size of a machine that is to be. */
export interface MachineSize {
  readonly vcpuCount: number;
  readonly memMib: number;
  /** Of an emulated guest; with KVM guests see the host's own CPU whatever this says. */
  readonly cpu: CpuLevel;
}

/** What was asked for before the environment is known, which decides about the CPU unless somebody does. */
export type AskedSize = Omit<MachineSize, "cpu"> & { readonly cpu: CpuLevel | undefined };

/** The size asked for, with defaults, or `invalid_argument` naming the value. `hostMemMib` bounds the memory. */
export function machineSize(options: SizeOptions, hostMemMib: number): AskedSize {
  const memMibMax = Math.min(limits.memMibMax, hostMemMib);
  return {
    vcpuCount: wholeNumber({
      name: "vcpuCount",
      value: options.vcpuCount ?? defaults.vcpuCount,
      min: 1,
      max: limits.vcpuCountMax,
    }),
    memMib: wholeNumber({
      name: "memMib",
      value: options.memMib ?? defaults.memMib,
      min: limits.memMibMin,
      max: memMibMax,
    }),
    cpu: cpuLevel(options.cpu),
  };
}

function cpuLevel(value: CpuLevel | undefined): CpuLevel | undefined {
  if (value === undefined || cpuLevels.includes(value)) return value;
  throw new PyroError(
    "invalid_argument",
    `cpu is ${JSON.stringify(value)}, but must be ${cpuLevels.join(" or ")}.`,
  );
}

/** `value` if it is a whole number from `min` to `max`; else `invalid_argument`. */
export function wholeNumber({
  name,
  value,
  min,
  max,
}: {
  name: string;
  value: number;
  min: number;
  max: number;
}): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new PyroError(
    "invalid_argument",
    `${name} is ${value}, but must be a whole number from ${min} to ${max}.`,
  );
}

/** The command if it can be run at all; else `invalid_argument`. */
export function runnableCommand(command: readonly string[]): readonly string[] {
  const [program] = command;
  if (program === undefined || program === "") {
    throw new PyroError("invalid_argument", "The command is empty.", {
      hint: "Name a program after --, for example: pyro run debian:12 -- git --version",
    });
  }
  if (command.some((argument) => argument.includes("\0")))
    throw new PyroError("invalid_argument", "The command has an argument with a NUL character.");
  const bytes = command.reduce((sum, argument) => sum + Buffer.byteLength(argument) + 1, 0);
  if (command.length <= limits.commandEntriesMax && bytes <= limits.commandBytesMax) return command;
  throw new PyroError(
    "invalid_argument",
    `The command has ${command.length} arguments of ${bytes} bytes; ${limits.commandEntriesMax} arguments and ${limits.commandBytesMax} bytes are the limit.`,
    {
      hint: "Pass large input on standard input instead.",
    },
  );
}

/** Seconds a command may take, as milliseconds. */
export function timeoutMs(timeoutSeconds: number = defaults.timeoutSeconds): number {
  if (timeoutSeconds > 0 && timeoutSeconds <= limits.timeoutSecondsMax)
    return Math.ceil(timeoutSeconds * 1000);
  throw new PyroError(
    "invalid_argument",
    `timeoutSeconds is ${timeoutSeconds}, but must be more than 0 and at most ${limits.timeoutSecondsMax}.`,
  );
}

/** How many bytes of a file a result may hold. */
export function fileReadBytes(maxBytes: number = defaults.fileReadBytes): number {
  return wholeNumber({ name: "maxBytes", value: maxBytes, min: 1, max: limits.fileReadBytesMax });
}

/** Seconds a machine may live, as milliseconds. */
export function ttlMs(ttlSeconds: number = defaults.ttlSeconds): number {
  if (ttlSeconds > 0 && ttlSeconds <= limits.ttlSecondsMax) return Math.ceil(ttlSeconds * 1000);
  throw new PyroError(
    "invalid_argument",
    `ttlSeconds is ${ttlSeconds}, but must be more than 0 and at most ${limits.ttlSecondsMax}.`,
  );
}
