import { basename, dirname } from "node:path";
import { extract } from "tar-stream";
import { PyroError } from "../model/errors.ts";
import { startTool } from "./tools.ts";

/** A piece of a sparse file's data. */
export interface SparseData {
  readonly offset: number;
  readonly data: Buffer;
}

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
  for await (const entry of archive) yield* readSparseEntry(entry as AsyncIterable<Buffer>, stop);
  await tool.done;
}

/** GNU sparse format 1.0: a decimal map, one number a line, padded to 512 bytes, then the data. */
async function* readSparseEntry(
  entry: AsyncIterable<Buffer>,
  stop: () => void,
): AsyncGenerator<SparseData> {
  const map = new SparseMap();
  for await (const chunk of entry) {
    let isWanted = false;
    try {
      yield* map.push(chunk);
      isWanted = true;
    } finally {
      if (!isWanted) stop();
    }
  }
  if (!map.isComplete)
    throw new PyroError("host_tool_failed", "tar described a sparse file incompletely.");
}

/** Assigns the bytes of a sparse entry to their places. */
class SparseMap {
  #head: Buffer | undefined = Buffer.alloc(0);
  #ranges: { offset: number; size: number }[] = [];

  get isComplete(): boolean {
    return this.#head === undefined && this.#ranges.length === 0;
  }

  *push(chunk: Buffer): Generator<SparseData> {
    let data = chunk;
    if (this.#head !== undefined) {
      this.#head = Buffer.concat([this.#head, chunk]);
      const parsed = parseMap(this.#head);
      if (parsed === undefined) return;
      this.#ranges = parsed.ranges;
      data = this.#head.subarray(parsed.end);
      this.#head = undefined;
    }
    for (
      let [range] = this.#ranges;
      range !== undefined && data.length > 0;
      [range] = this.#ranges
    ) {
      const part = data.subarray(0, range.size);
      yield { offset: range.offset, data: part };
      data = data.subarray(part.length);
      range.offset += part.length;
      range.size -= part.length;
      if (range.size === 0) this.#ranges.shift();
    }
  }
}

/** The ranges of a map and where it ends, or undefined while it is incomplete. */
function parseMap(
  head: Buffer,
): { ranges: { offset: number; size: number }[]; end: number } | undefined {
  let at = 0;
  const number = (): number | undefined => {
    const end = head.indexOf(10, at);
    if (end < 0) return undefined;
    const value = Number(head.toString("latin1", at, end));
    at = end + 1;
    return value;
  };
  const count = number();
  if (count === undefined) return undefined;
  const ranges = [];
  for (let index = 0; index < count; index++) {
    const [offset, size] = [number(), number()];
    if (offset === undefined || size === undefined) return undefined;
    if (size > 0) ranges.push({ offset, size });
  }
  const end = Math.ceil(at / 512) * 512;
  return head.length < end ? undefined : { ranges, end };
}
