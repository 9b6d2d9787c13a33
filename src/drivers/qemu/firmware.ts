import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode } from "../../model/errors.ts";

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
