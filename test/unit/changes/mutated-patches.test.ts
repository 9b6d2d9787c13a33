import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, describe, it } from "node:test";
import { parsePatch } from "../../../src/changes/parse-patch.ts";
import { planPatch } from "../../../src/changes/plan-patch.ts";
import { PyroError } from "../../../src/model/errors.ts";
import { GitOracle } from "./git-oracle.ts";
import {
  applyOperations,
  describeTree,
  file,
  type MemoryTree,
  readTree,
  targetReaderOf,
} from "./memory-tree.ts";
import { mutatePatch } from "./patch-mutations.ts";
import { Chance } from "./random-trees.ts";

// `make fuzz-patches` runs more of the same: ROUNDS patches from number FIRST on.
const rounds = Number(process.env.ROUNDS ?? 200);
const first = Number(process.env.FIRST ?? 1);
const mutantsPerDiff = 10;
const words = ["alpha", "beta", "gamma", "", "  delta", "}", "- item", "+ sum", "-- note"] as const;
const oracle = new GitOracle();
after(() => oracle.dispose());

function randomLines(chance: Chance, count: number): string[] {
  return Array.from({ length: count }, () =>
    chance.happens(0.6) ? `line ${chance.below(90)}` : chance.pick(words),
  );
}

function textOf(chance: Chance, lines: readonly string[]): Buffer {
  const end = lines.length > 0 && chance.happens(0.9) ? "\n" : "";
  return Buffer.from(lines.join("\n") + end, "latin1");
}

/** Some files, the same after somebody edited them, and the diff by git or diff. */
function makeDiff(chance: Chance): { tree: MemoryTree; diff: Buffer } {
  const [tree, edited]: [MemoryTree, MemoryTree] = [new Map(), new Map()];
  for (const path of ["f", "g", "d/h"].slice(0, 1 + chance.below(3))) {
    const lines = randomLines(chance, 4 + chance.below(28));
    tree.set(path, file(textOf(chance, lines)));
    for (let edits = 1 + chance.below(3); edits > 0; edits -= 1)
      lines.splice(
        chance.below(lines.length + 1),
        chance.below(4),
        ...randomLines(chance, chance.below(4)),
      );
    if (chance.happens(0.95)) edited.set(path, file(textOf(chance, lines)));
  }
  if (chance.happens(0.3))
    edited.set("new", file(textOf(chance, randomLines(chance, 1 + chance.below(4)))));
  const both: MemoryTree = new Map();
  for (const [path, content] of tree) both.set(`a/${path}`, content);
  for (const [path, content] of edited) both.set(`b/${path}`, content);
  both.set("a/.keep", file("")).set("b/.keep", file(""));
  const cwd = oracle.newDirectory(both);
  const [command, args] = chance.pick([
    ["git", ["diff", "--no-index", "--no-prefix", "a", "b"]],
    ["diff", ["-ruN", "a", "b"]],
    ["diff", ["-ruN", "-U1", "a", "b"]],
  ] as const);
  const { stdout } = oracle.run(command, args, { cwd });
  rmSync(cwd, { recursive: true });
  return { tree, diff: stdout };
}

/** What GNU patch makes of the tree; undefined when it refuses or rejects any part. */
function byPatch(tree: MemoryTree, patch: Buffer): MemoryTree | undefined {
  const cwd = oracle.newDirectory(tree);
  const args = ["-p1", "--force", "--silent", "--no-backup-if-mismatch", "--reject-file=-"];
  const { status } = oracle.run("patch", args, { cwd, input: patch });
  const result = status === 0 ? readTree(cwd) : undefined;
  rmSync(cwd, { recursive: true });
  return result;
}

async function byPyro(tree: MemoryTree, patch: Buffer): Promise<MemoryTree | PyroError> {
  try {
    const { operations } = await planPatch(parsePatch(patch), targetReaderOf(tree));
    return applyOperations(tree, operations);
  } catch (error) {
    assert.ok(error instanceof PyroError, `${error}\n${patch.toString("latin1")}`);
    return error;
  }
}

type Count = Map<string, number>;

function add(count: Count, line: string, by: number): void {
  const sum = (count.get(line) ?? 0) + by;
  if (sum === 0) count.delete(line);
  else count.set(line, sum);
}

const unended = "\0";

function countLines(count: Count, tree: MemoryTree, by: number): void {
  for (const { content } of tree.values())
    for (const line of content.toString("latin1").match(/[^\n]*\n|[^\n]+$/g) ?? [])
      add(count, line.endsWith("\n") ? line.slice(0, -1) : line + unended, by);
}

/** A model of its own: every line of the patch with + or - that is no header has to be in the difference of the trees, and nothing else. */
function unexplainedLines(before: MemoryTree, after: MemoryTree, patch: Buffer): Count {
  const count: Count = new Map();
  countLines(count, after, 1);
  countLines(count, before, -1);
  // What stands before the first file is free.
  const lines = patch
    .toString("latin1")
    .replace(/^(?:(?!@@|--- .*\n\+\+\+ ).*\n)*/, "")
    .split("\n");
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    const isPair = line.startsWith("--- ") && (lines[index + 1] ?? "").startsWith("+++ ");
    const isHeader = isPair && (lines[index + 2] ?? "").startsWith("@@");
    const isSignature = /^--( |$)$/.test(line) && /^(?:[^-+ \\]|$)/.test(lines[index + 1] ?? "");
    if (isHeader) index += 1;
    else if (/^[-+]/.test(line) && !isSignature) {
      const end = (lines[index + 1] ?? "").startsWith("\\ ") ? unended : "";
      // An empty line without its end is none.
      if (line.length > 1 || end === "")
        add(count, line.slice(1) + end, line.startsWith("+") ? -1 : 1);
    }
  }
  return count;
}

/** The same, where a patch that lost a marker may still change a newline at the end of a file. */
function lostLines(before: MemoryTree, after: MemoryTree, patch: Buffer): Count {
  const count: Count = new Map();
  for (const [line, sum] of unexplainedLines(before, after, patch))
    add(count, line.replace(unended, ""), sum);
  return count;
}

/** Hunks without numbers, and headers of files without anything after them, are text between files to git and patch. */
function skipsPart(patch: Buffer): boolean {
  return /^@@(?! -\d+(?:,\d+)? \+\d+(?:,\d+)? @@)|^diff --git .*\n(?:diff |(?![\s\S]))/m.test(
    patch.toString("latin1"),
  );
}

/** What is refused on purpose though git and patch pass over it: lines outside of hunks that look like a part of a change. */
const strictness =
  /belongs to no hunk|a line of another patch format|no line \+\+\+ after the line ---|a search\/replace block|announces a change, but no hunk follows|a second time/;

const same = (left: MemoryTree, right: MemoryTree): boolean =>
  describeTree(left).join("\n") === describeTree(right).join("\n");

describe("a spoilt diff", () => {
  it(`loses and invents no line, and is understood where git and patch agree, ${rounds} times`, async () => {
    const figures = {
      taken: 0,
      refused: 0,
      "git and patch agree": 0,
      "they lose lines": 0,
      stricter: 0,
    };
    const faults: string[] = [];
    const fault = (kind: string, seed: number, shown: string): void => {
      faults.push(`${kind}, seed ${seed}\n${faults.length < 8 ? shown : ""}`);
    };
    for (let seed = first; seed < first + rounds; ) {
      const base = new Chance(seed * 6151);
      const { tree, diff } = makeDiff(base);
      for (
        let mutants = 0;
        mutants < mutantsPerDiff && seed < first + rounds;
        mutants += 1, seed += 1
      ) {
        const patch = mutatePatch(new Chance(seed * 15_485_863), diff);
        const ours = await byPyro(tree, patch);
        const isTaken = !(ours instanceof PyroError);
        figures[isTaken ? "taken" : "refused"] += 1;
        const shown = (): string =>
          `${isTaken ? describeTree(ours).join("\n") : ours.message}\n--- of\n${describeTree(tree).join("\n")}\n--- by\n${patch.toString("latin1")}`;
        if (isTaken && lostLines(tree, ours, patch).size > 0)
          fault("lines lost or invented", seed, shown());
        const git = oracle.apply(tree, patch).tree;
        const gnu = git && byPatch(tree, patch);
        if (git === undefined || gnu === undefined || !same(git, gnu)) continue;
        figures["git and patch agree"] += 1;
        if (skipsPart(patch) || unexplainedLines(tree, git, patch).size > 0)
          figures["they lose lines"] += 1;
        else if (!isTaken && strictness.test(ours.message)) figures.stricter += 1;
        else if (!isTaken) fault("refused, though git and patch agree", seed, shown());
        else if (!same(ours, git)) fault("another result than git's and patch's", seed, shown());
      }
    }
    if (process.env.ROUNDS !== undefined) console.log(JSON.stringify(figures));
    assert.equal(faults.length, 0, `${faults.length} faults\n${faults.slice(0, 30).join("\n")}`);
    assert.ok(figures.taken > 0 && figures.refused > 0 && figures["git and patch agree"] > 0);
  });
});
