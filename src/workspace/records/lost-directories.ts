import { mkdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { systemErrorCode } from "../../model/errors.ts";
import { lostDirectory } from "../../platform/directories.ts";

/** Puts a directory that is nobody's, yet holds what a user may want, where nothing of ours ever looks for it again but the doctor. */
export async function moveToLost(stateDirectory: string, directory: string): Promise<void> {
  const lost = lostDirectory(stateDirectory);
  await mkdir(lost, { recursive: true, mode: 0o700 });
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? "" : `.${number}`;
    try {
      return await rename(directory, join(lost, `${basename(directory)}${suffix}`));
    } catch (error) {
      // One of that name was lost before.
      if (systemErrorCode(error) !== "ENOTEMPTY" && systemErrorCode(error) !== "EEXIST")
        throw error;
    }
  }
}
