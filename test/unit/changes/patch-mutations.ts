import type { Chance } from "./random-trees.ts";

type Mutation = (lines: string[], chance: Chance) => void;

const hunkPattern = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

const at = (lines: readonly string[], chance: Chance): number => chance.below(lines.length + 1);

/** Of the lines that `wanted` takes, one; -1 when there is none. */
function oneOf(
  lines: readonly string[],
  chance: Chance,
  wanted: (line: string) => boolean,
): number {
  const found = [...lines.keys()].filter((index) => wanted(lines[index] ?? ""));
  return found.length === 0 ? -1 : chance.pick(found);
}

/** Rewrites the numbers of one hunk header. */
function renumber(lines: string[], chance: Chance, change: (numbers: number[]) => void): void {
  const index = oneOf(lines, chance, (line) => hunkPattern.test(line));
  const match = hunkPattern.exec(lines[index] ?? "");
  if (match === null) return;
  const numbers = [
    Number(match[1]),
    Number(match[2] ?? 1),
    Number(match[3]),
    Number(match[4] ?? 1),
  ];
  change(numbers);
  const [oldStart, oldCount, newStart, newCount] = numbers.map((number) => Math.max(0, number));
  lines[index] = `@@ -${oldStart},${oldCount} +${newStart},${newCount} @@`;
}

const pieces = [
  "",
  " ",
  "@@",
  "@@ alpha @@",
  "+",
  "-",
  "+added",
  " alpha",
  "-- ",
  "2.43.0",
  "prose",
  "- bullet",
  "--- a/f",
  "+++ b/f",
  "\\ No newline at end of file",
  "*** Update File: f",
  "*** End Patch",
  "<<<<<<< SEARCH",
  "diff --git a/f b/f",
  "index 1234567..89abcde 100644",
  "```",
] as const;

const mutations: readonly Mutation[] = [
  (lines, chance) =>
    renumber(lines, chance, (numbers) => (numbers[chance.pick([1, 3])] = chance.below(9))),
  (lines, chance) =>
    renumber(lines, chance, (numbers) => {
      const by = chance.pick([-3, -2, -1, 1, 2]);
      numbers[1] = (numbers[1] ?? 0) + by;
      numbers[3] = (numbers[3] ?? 0) + by;
    }),
  (lines, chance) => renumber(lines, chance, (numbers) => (numbers[0] = chance.below(30))),
  (lines, chance) => {
    const index = oneOf(lines, chance, (line) => hunkPattern.test(line));
    if (index >= 0) lines[index] = chance.pick(["@@", "@@ ... @@", "@@ alpha", "@@ -1 +1"]);
  },
  (lines, chance) => void lines.splice(at(lines, chance), 1 + chance.below(2)),
  (lines, chance) => void lines.splice(at(lines, chance), 0, chance.pick(pieces)),
  (lines, chance) => void lines.splice(at(lines, chance), 0, chance.pick(lines) ?? ""),
  (lines, chance) => {
    const index = oneOf(lines, chance, (line) => /^[-+ ]/.test(line));
    if (index >= 0) lines[index] = chance.pick(["+", "-", " ", ""]) + (lines[index] ?? "").slice(1);
  },
  (lines, chance) => {
    const index = at(lines, chance);
    const [one] = lines.splice(index, 1);
    if (one !== undefined) lines.splice(at(lines, chance), 0, one);
  },
  (lines, chance) => void lines.splice(at(lines, chance)),
  (lines) => void lines.push("-- ", "2.43.0", ""),
  (lines, chance) => void lines.push("", chance.pick(["prose", "+lost", "    indented"]), ""),
  (lines, chance) => {
    const index = oneOf(lines, chance, (line) => line.startsWith(" "));
    if (index >= 0) lines[index] = `${lines[index]}x`;
  },
];

/** The patch as somebody might have spoilt it. */
export function mutatePatch(chance: Chance, patch: Buffer): Buffer {
  const lines = patch.toString("latin1").replace(/\n$/, "").split("\n");
  for (let count = 1 + chance.below(2); count > 0; count -= 1)
    chance.pick(mutations)(lines, chance);
  return Buffer.from(`${lines.join("\n")}\n`, "latin1");
}
