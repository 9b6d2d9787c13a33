import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const chunkBytes = 16 << 20;

/** Which of the texts are anywhere in the memory of a process, as bytes; of a monitor, that is all of its guest's memory. */
export function inMemoryOf(pid: number, texts: readonly string[]): string[] {
  const found = new Set<string>();
  const wanted = texts.map((text) => ({ text, bytes: Buffer.from(text) }));
  const overlap = Math.max(...wanted.map(({ bytes }) => bytes.length));
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (const { begin, end } of readable(pid))
      for (let at = begin; at < end; at += chunkBytes - overlap) {
        const length = readAt(memory, chunk.subarray(0, Math.min(chunkBytes, end - at)), at);
        const bytes = chunk.subarray(0, length);
        for (const { text, bytes: looked } of wanted) if (bytes.includes(looked)) found.add(text);
      }
  } finally {
    closeSync(memory);
  }
  return [...found].sort();
}

function readable(pid: number): { begin: number; end: number }[] {
  const lines = readFileSync(`/proc/${pid}/maps`, "utf8").trim().split("\n");
  return lines.flatMap((line) => {
    const [range = "", mode = "", , , , name = ""] = line.split(/\s+/);
    const [begin = 0, end = 0] = range.split("-").map((text) => Number.parseInt(text, 16));
    return mode.startsWith("r") && !/^\[v/.test(name) ? [{ begin, end }] : [];
  });
}

/** Pages of a file that is shorter than its mapping cannot be read. */
function readAt(memory: number, into: Buffer, position: number): number {
  try {
    return readSync(memory, into, 0, into.length, position);
  } catch {
    return 0;
  }
}
