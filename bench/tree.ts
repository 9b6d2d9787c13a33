import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const filesPerDirectory = 25;
const words = "const return import value index result await of the in for if error path".split(" ");

export interface Tree {
  readonly path: string;
  readonly fileCount: number;
  /** Of all contents together. */
  readonly bytes: number;
}

/**
 * Writes a tree like that of a program: many small files, a few large ones, half of the bytes text and half such that
 * they do not compress. The same every time.
 */
export function makeTree(
  path: string,
  { fileCount, megabytes }: { fileCount: number; megabytes: number },
): Tree {
  const random = generator(1);
  const weights = Array.from({ length: fileCount }, () => random() ** -0.7);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let bytes = 0;
  for (const [index, weight] of weights.entries()) {
    const directory = join(
      path,
      `d${Math.floor(index / filesPerDirectory / 20)}`,
      directoryName(index),
    );
    if (index % filesPerDirectory === 0) mkdirSync(directory, { recursive: true });
    const size = Math.round((weight / total) * megabytes * 1e6);
    const content = index % 2 === 0 ? text(random, size) : noise(random, size);
    writeFileSync(join(directory, `file${index}.txt`), content);
    bytes += content.length;
  }
  return { path, fileCount, bytes };
}

/** Where the tree has its file number `index`, relative. */
export function fileName(index: number): string {
  return join(
    `d${Math.floor(index / filesPerDirectory / 20)}`,
    directoryName(index),
    `file${index}.txt`,
  );
}

function directoryName(index: number): string {
  return `s${Math.floor(index / filesPerDirectory)}`;
}

function text(random: () => number, size: number): Buffer {
  const parts: string[] = [];
  for (let length = 0; length < size; ) {
    const part = `${words[Math.floor(random() * words.length)]}${random() < 0.1 ? "\n" : " "}`;
    parts.push(part);
    length += part.length;
  }
  return Buffer.from(parts.join("").slice(0, size));
}

function noise(random: () => number, size: number): Buffer {
  const content = Buffer.alloc(size + 4);
  for (let at = 0; at < size; at += 4) content.writeUInt32LE(Math.floor(random() * 2 ** 32), at);
  return content.subarray(0, size);
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
