import { closeSync, openSync, readSync } from "node:fs";
import { findProgram, isExecutable } from "../find-program.ts";
import { type Ask, accountOf } from "../program-account.ts";
import type { RememberedFact } from "../remembered-fact.ts";

const programName = "firecracker";
const oldestMinor = 12;
/** Its channel is dead after a restore; 1.16.1 mends that. */
const refusedVersion = "1.16.0";
const fix =
  "Install Firecracker 1.12 or newer (not 1.16.0) from https://github.com/firecracker-microvm/firecracker/releases, and put it on the PATH as firecracker, or name it in PYRO_FIRECRACKER.";

/** Firecracker as it is installed. */
export interface Firecracker {
  readonly program: string;
  /** As it says it, without the "v". */
  readonly version: string;
  /** Of the state that it saves; no other reads it. */
  readonly snapshotVersion: string;
}

/** Why the Firecracker of this host runs no guest. */
export interface FirecrackerFault {
  readonly version: string | undefined;
  readonly reason: string;
  readonly fix: string;
  /** Whether there is none at all. */
  readonly isAbsent: boolean;
}

export interface FirecrackerPlaces {
  /** PYRO_FIRECRACKER; the only place that is looked at then. */
  readonly given: string | undefined;
  readonly searchPath: string;
}

export interface FirecrackerAccount {
  readonly version: string;
  readonly snapshotVersion: string;
}

/** Firecracker, asked about itself once. */
export async function findFirecracker(
  { given, searchPath }: FirecrackerPlaces,
  fact: RememberedFact<FirecrackerAccount>,
): Promise<Firecracker | FirecrackerFault> {
  const program = given ?? findProgram(programName, searchPath);
  if (program === undefined)
    return { ...fault(`${programName} is not installed.`), isAbsent: true };
  if (!isExecutable(program))
    return fault(`PYRO_FIRECRACKER is ${program}, which is no program that can be run.`);
  const account = await accountOf(program, fact, (ask) => readAccount(program, ask));
  if (typeof account === "string") return fault(account);
  const { version } = account;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 1 || (major === 1 && minor < oldestMinor))
    return fault(`Firecracker ${version} is older than 1.${oldestMinor}.`, version);
  if (version === refusedVersion)
    return fault(`Firecracker ${version} loses its guests when it restores them.`, version);
  return { program, ...account };
}

function fault(reason: string, version?: string): FirecrackerFault {
  return { version, reason, fix, isAbsent: false };
}

async function readAccount(program: string, ask: Ask): Promise<FirecrackerAccount | string> {
  const architecture = otherArchitecture(program);
  if (architecture !== undefined) return `${program} is for ${architecture}, and this is x86_64.`;
  const version = /^Firecracker v(\d+\.\d+\.\d+\S*)/m.exec(await ask("--version"))?.[1];
  if (version === undefined) return `${program} does not say its version.`;
  const snapshotVersion = /^v?(\d+\.\d+\.\d+)/m.exec(await ask("--snapshot-version"))?.[1];
  if (snapshotVersion === undefined) return `${program} does not say which snapshots it reads.`;
  return { version, snapshotVersion };
}

/** Of programs in the ELF format, by the numbers of its header. */
const architectures: Readonly<Record<number, string>> = { 3: "i386", 183: "aarch64" };
const ownArchitecture = 0x3e;

/** What else than this machine `program` is for. */
function otherArchitecture(program: string): string | undefined {
  const header = Buffer.alloc(20);
  const fd = openSync(program, "r");
  try {
    readSync(fd, header, { position: 0 });
  } finally {
    closeSync(fd);
  }
  if (header.toString("latin1", 0, 4) !== "\x7fELF") return undefined;
  const machine = header.readUInt16LE(18);
  return machine === ownArchitecture
    ? undefined
    : (architectures[machine] ?? `another architecture (ELF machine ${machine})`);
}
