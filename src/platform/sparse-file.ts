import { basename, dirname } from "node:path";
import { extract } from "tar-stream";
import { PyroError } from "../model/errors.ts";
import { type SparseData, sparseData } from "./sparse-data.ts";
import { startTool } from "./tools.ts";

/** The data of the sparse file `path`, in order and in pieces; holes are left out. Read through GNU tar, the one tool everywhere that finds holes. */
export async function* readSparseFile(
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<SparseData> {
  const args = [
    "--create",
    "--format=posix",
    "--sparse",
    "--sparse-version=1.0",
    "--blocking-factor=512",
    "--directory",
    dirname(path),
    basename(path),
  ];
  const tool = startTool("tar", args, { packageName: "tar", signal });
  const archive = tool.stdout.pipe(extract());
  tool.stdout.once("error", (error) => archive.destroy(error));
  // A reader that stops early must not wait for a tar that nobody reads any more.
  const stop = () => {
    tool.done.catch(() => undefined);
    tool.stdout.destroy();
    archive.destroy();
  };
  for await (const entry of archive) {
    // A file without holes is no sparse one to tar.
    const isSparse = Object.hasOwn(entry.header.pax ?? {}, "GNU.sparse.major");
    const body = entry as AsyncIterable<Buffer>;
    yield* isSparse ? readSparseEntry(body, stop) : readDenseEntry(body, stop);
  }
  await tool.done;
}

async function* readDenseEntry(
  entry: AsyncIterable<Buffer>,
  stop: () => void,
): AsyncGenerator<SparseData> {
  let offset = 0;
  let isRead = false;
  try {
    for await (const data of entry) {
      yield { offset, data };
      offset += data.length;
    }
    isRead = true;
  } finally {
    if (!isRead) stop();
  }
}

/** What tar says of a file of ours is limited by that file alone. */
const bounds = { size: Number.MAX_SAFE_INTEGER, rangesMax: Number.MAX_SAFE_INTEGER };

async function* readSparseEntry(
  entry: AsyncIterable<Buffer>,
  stop: () => void,
): AsyncGenerator<SparseData> {
  const body = entry[Symbol.asyncIterator]();
  let isRead = false;
  try {
    yield* sparseData(body, bounds);
    // The next entry comes when this one has ended.
    while ((await body.next()).done !== true);
    isRead = true;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PyroError("host_tool_failed", "tar described a sparse file incompletely.", {
      cause: error,
    });
  } finally {
    if (!isRead) stop();
  }
}
