import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemErrorCode } from "../../model/errors.ts";
import { toolEnvironment } from "../../platform/config.ts";

/**
 * What starts the kernel. Named, because distributions differ in what QEMU takes by itself: SeaBIOS, which most take,
 * boots no kernel without option ROMs, and with them not every time.
 */
export const firmwareName = "qboot.rom";

export interface Firmware {
  readonly path: string;
  /** Of its content: saved state holds a copy. */
  readonly digest: string;
}

/** The directories in which `program` looks for its firmware, first one first. */
export async function listDataDirectories(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(program, ["-L", "help"], {
    env: toolEnvironment(),
    timeout: 10_000,
  });
  return stdout.split("\n").filter((line) => line.startsWith("/"));
}

/** The firmware in the first of `directories` that has it. */
export function findFirmware(directories: readonly string[]): Firmware | undefined {
  for (const directory of directories) {
    const path = join(directory, firmwareName);
    try {
      return { path, digest: createHash("sha256").update(readFileSync(path)).digest("hex") };
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
    }
  }
  return undefined;
}
