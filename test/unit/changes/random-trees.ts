import type { BytePath } from "../../../src/model/tree.ts";
import { file, link, type MemoryFile, type MemoryTree } from "./memory-tree.ts";

/** A repeatable source of chance (mulberry32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }
}

const names = [
  "a",
  "b.c",
  "Makefile",
  "with space",
  " leading",
  "trailing ",
  'quo"te',
  "back\\slash",
  "tab\there",
  "line\nbreak",
  "\xc3\xa9t\xc3\xa9",
  "\xff\xfe raw",
  "\x7f",
  "\x01ctl",
  "-dash",
  "a => b",
  "{x}",
  "b",
  "dev",
  "~",
  "'",
  "cr\r",
  "#",
  "x y\tz",
  "git",
  ".gitignore",
  ".git-x",
  "a.orig",
  "\xe2\x80\x8b",
] as const;
const words = [
  "",
  "foo",
  "bar",
  "baz",
  "  indented",
  "}",
  "\t",
  "trailing \t ",
  "\xff\xfe\x80",
  "-minus",
  "+plus",
  "@@ -1 +1 @@",
  "--- a",
  "\\ No newline",
  "diff --git a/x b/x",
  "\r",
  "\x1b[31m",
  "\x0c",
] as const;

export function randomPath(chance: Chance, depth = 3): BytePath {
  const count = 1 + chance.below(depth);
  return Array.from({ length: count }, () => chance.pick(names)).join("/");
}

export function randomText(chance: Chance, linesMax = 40): string {
  const eol = chance.pick(["\n", "\n", "\n", "\r\n"]);
  const count = chance.below(linesMax);
  const lines = Array.from({ length: count }, () => randomLine(chance));
  const text = lines.map((line) => line + (chance.happens(0.02) ? "\r\n" : eol)).join("");
  return chance.happens(0.25) && text.length > 0 ? text.replace(/\r?\n$/, "") : text;
}

function randomLine(chance: Chance): string {
  const word = chance.pick(words);
  return chance.happens(0.5) ? word : `${word}${chance.below(50)}`;
}

export function randomFile(chance: Chance): MemoryFile {
  if (chance.happens(0.1))
    return link(chance.pick(["a", "../out", "/etc/passwd", "with space", "x\ny", "\xff", "dir/"]));
  const mode = chance.pick([0o644, 0o644, 0o755]);
  if (chance.happens(0.1)) return file(randomBytes(chance, chance.below(3000)), mode);
  if (chance.happens(0.05)) return file("", mode);
  // Beyond the bytes that git looks at, NUL is text.
  if (chance.happens(0.02))
    return file(`${"line\n".repeat(1700)}a\0b\n${randomText(chance)}`, mode);
  return file(randomText(chance), mode);
}

export function randomBytes(chance: Chance, length: number): Buffer {
  const isDull = chance.happens(0.5);
  return Buffer.from(Array.from({ length }, () => (isDull ? chance.below(3) : chance.below(256))));
}

/** Adds unless the path, or one it needs as a directory, is taken otherwise. */
export function put(tree: MemoryTree, path: BytePath, content: MemoryFile): void {
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1))
    if (tree.has(path.slice(0, at))) return;
  for (const other of tree.keys()) if (other.startsWith(`${path}/`)) return;
  tree.set(path, content);
}

export function randomTree(chance: Chance, filesMax = 14): MemoryTree {
  const tree: MemoryTree = new Map();
  for (let count = chance.below(filesMax); count > 0; count -= 1)
    put(tree, randomPath(chance), randomFile(chance));
  return tree;
}

export function editText(chance: Chance, content: Buffer, editsMax = 5): Buffer {
  const lines = content.toString("latin1").split("\n");
  for (let edits = 1 + chance.below(editsMax); edits > 0; edits -= 1) {
    const at = chance.below(lines.length + 1);
    if (chance.happens(0.4)) lines.splice(at, 0, randomLine(chance));
    else if (chance.happens(0.5)) lines.splice(at, 1 + chance.below(3));
    else lines[Math.min(at, lines.length - 1)] = randomLine(chance);
  }
  return Buffer.from(lines.join("\n"), "latin1");
}

/** The tree after somebody worked in it. */
export function mutateTree(chance: Chance, tree: MemoryTree): MemoryTree {
  const result: MemoryTree = new Map(tree);
  for (const [path, content] of tree) {
    const dice = chance.next();
    if (dice < 0.15) result.delete(path);
    else if (dice < 0.4 && content.type === "file")
      result.set(path, file(editText(chance, content.content), content.mode));
    else if (dice < 0.45) result.set(path, randomFile(chance));
    else if (dice < 0.52 && content.type === "file")
      result.set(path, { ...content, mode: content.mode ^ 0o111 });
    else if (dice < 0.68) {
      result.delete(path);
      const moved =
        content.type === "file" && chance.happens(0.5)
          ? file(editText(chance, content.content), content.mode)
          : content;
      put(result, randomPath(chance), moved);
    }
  }
  for (let count = chance.below(4); count > 0; count -= 1)
    put(result, randomPath(chance), randomFile(chance));
  return result;
}
