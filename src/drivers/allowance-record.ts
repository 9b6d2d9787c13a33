import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PyroError } from "../model/errors.ts";
import type { Allowance } from "./confinement.ts";

const recordName = "allowance.json";

/** Writes down beside a machine's sockets what it may be found with, for whoever takes it over. */
export function writeAllowance(directory: string, allowance: Allowance): void {
  writeFileSync(join(directory, recordName), JSON.stringify(allowance), { mode: 0o600 });
}

/** What a machine of `directory` may be found with; throws `jail_breached` when nobody can tell. */
export function readAllowance(directory: string): Allowance {
  try {
    return JSON.parse(readFileSync(join(directory, recordName), "utf8")) as Allowance;
  } catch (error) {
    throw new PyroError(
      "jail_breached",
      `Nothing tells what the virtual machine monitor of ${directory} may have open.`,
      {
        hint: "It was started by another version of pyro, or its record is gone: start it again.",
        cause: error,
      },
    );
  }
}
