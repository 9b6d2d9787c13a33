import { findProgram } from "../find-program.ts";
import { type Ask, accountOf } from "../program-account.ts";
import type { RememberedFact } from "../remembered-fact.ts";
import { type Firmware, findFirmware, firmwareName } from "./firmware.ts";

const name = "qemu-system-x86_64";
const oldestMajor = 7;
const oldestMinor = 2;
const qemuFix = "sudo apt-get install qemu-system-x86";
const firmwareFix = "sudo apt-get install qemu-system-data";

export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly text: string;
}

/** QEMU as it is installed. */
export interface Qemu {
  readonly program: string;
  readonly version: QemuVersion;
  readonly firmware: Firmware;
}

/** Why the QEMU of this host, or what is missing of it, runs no guest. */
export interface QemuFault {
  readonly version: string | undefined;
  readonly reason: string;
  readonly fix: string;
}

/** What QEMU says about itself. */
export interface QemuAccount {
  readonly versionText: string;
  /** Where it looks for its firmware, first one first. */
  readonly dataDirectories: readonly string[];
}

/** QEMU on `searchPath`, with its firmware; asked about itself once. */
export async function findQemu(
  searchPath: string,
  fact: RememberedFact<QemuAccount>,
): Promise<Qemu | QemuFault> {
  const program = findProgram(name, searchPath);
  if (program === undefined) return fault(undefined, `${name} is not installed.`);
  const account = await accountOf(program, fact, readAccount);
  if (typeof account === "string") return fault(undefined, account);
  const version = parseVersion(account.versionText);
  if (version === undefined) return fault(undefined, `${program} does not say its version.`);
  if (isTooOld(version))
    return fault(version, `QEMU ${version.text} is older than ${oldestMajor}.${oldestMinor}.`);
  const firmware = findFirmware(account.dataDirectories);
  if (firmware !== undefined) return { program, version, firmware };
  const looked = account.dataDirectories.join(", ") || "none";
  const reason = `QEMU's firmware ${firmwareName} is in none of its directories: ${looked}.`;
  return { ...fault(version, reason), fix: firmwareFix };
}

function fault(version: QemuVersion | undefined, reason: string): QemuFault {
  return { version: version?.text, reason, fix: qemuFix };
}

async function readAccount(ask: Ask): Promise<QemuAccount> {
  const versionText = await ask("--version");
  const directories = await ask("-L", "help");
  return {
    versionText,
    dataDirectories: directories.split("\n").filter((line) => line.startsWith("/")),
  };
}

function parseVersion(text: string): QemuVersion | undefined {
  const match = /(\d+)\.(\d+)\.(\d+)\S*/.exec(text);
  return match?.[1] && match[2]
    ? { major: Number(match[1]), minor: Number(match[2]), text: match[0] }
    : undefined;
}

function isTooOld({ major, minor }: QemuVersion): boolean {
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
