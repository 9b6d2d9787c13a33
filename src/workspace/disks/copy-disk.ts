import { closeSync, constants, ftruncateSync, openSync, statSync } from "node:fs";
import { openTemporary } from "../../platform/descriptor-path.ts";
import { namingNoSpace } from "../../platform/files.ts";
import { readSparseFile } from "../../platform/sparse-file.ts";
import { writeFully } from "../../platform/write-fully.ts";

/** An open copy of a sparse file, without a name in `directory`, gone when the descriptor is closed. */
export async function copyDisk(
  path: string,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const fd = openSync(directory, constants.O_RDWR | openTemporary, 0o600);
  try {
    ftruncateSync(fd, statSync(path).size);
    for await (const { offset, data } of readSparseFile(path, signal))
      await writeFully(fd, data, offset);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw namingNoSpace(error, path);
  }
}
