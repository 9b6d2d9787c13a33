import { open } from "node:fs/promises";
import { below } from "../platform/descriptor-path.ts";
import { namingNoSpace } from "../platform/files.ts";
import { StagingArea } from "./staging-area.ts";

/** Writes pieces to a new file of the host, which appears under its name complete and flushed, or not at all; answers its bytes. */
export async function writeNewFile(
  destination: string,
  pieces: AsyncIterable<Buffer>,
): Promise<number> {
  using staging = new StagingArea(destination);
  try {
    await using file = await open(below(staging.parentFd, staging.name), "wx", 0o644);
    let bytes = 0;
    for await (const piece of pieces) {
      await file.appendFile(piece);
      bytes += piece.length;
    }
    await file.sync();
    staging.publish(false);
    return bytes;
  } catch (error) {
    throw namingNoSpace(error, destination);
  }
}
