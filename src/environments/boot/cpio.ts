/** One file or directory of an initial file system. */
export interface CpioEntry {
  readonly name: string;
  /** Type and permission bits, as in `st_mode`. */
  readonly mode: number;
  readonly content?: Buffer;
}

const trailerName = "TRAILER!!!";

/** An uncompressed `newc` archive, owned by root and without times: the same input gives the same bytes. */
export function buildCpio(entries: readonly CpioEntry[]): Buffer {
  const all = [...entries, { name: trailerName, mode: 0 }];
  return Buffer.concat(all.flatMap((entry, index) => encode(entry, index + 1)));
}

function encode(entry: CpioEntry, inode: number): Buffer[] {
  const content = entry.content ?? Buffer.alloc(0);
  const name = Buffer.from(`${entry.name}\0`, "utf8");
  const fields = [inode, entry.mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(
    `070701${fields.map((value) => value.toString(16).padStart(8, "0")).join("")}`,
    "latin1",
  );
  return [header, name, padding(header.length + name.length), content, padding(content.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
