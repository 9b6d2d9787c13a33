import { IgnorePatterns } from "../../src/trees/git/ignore-patterns.ts";
import type { Bench } from "../bench.ts";
import { atMost, latency } from "../figure.ts";
import type { Measured, Section } from "../section.ts";

const nameCount = 10_000;
const ruleCount = 200;

/** What `.gitignore` costs while a seed is read. */
export const ignoreRules: Section = {
  name: "ignore-rules",
  title: `${nameCount} names against ${ruleCount} rules of a .gitignore`,
  measure,
};

const kinds: readonly ((index: number) => string)[] = [
  (index) => `*.ext${index}`,
  (index) => `name${index}`,
  (index) => `directory${index}/`,
  (index) => `/anchored${index}/x`,
  (index) => `**/generated${index}`,
  (index) => `*~${index}*`,
  (index) => `[Bb]in${index}`,
  (index) => `src/**/out${index}`,
];

async function measure({ counts }: Bench): Promise<Measured> {
  const rules = Array.from({ length: ruleCount }, (_, index) =>
    kinds[index % kinds.length]?.(index),
  );
  // Beginnings that match everywhere, and an end that never does.
  const starred = Array.from({ length: ruleCount }, (_, index) => `${"*a".repeat(20)}?${index}x*`);
  const usual = timed(rules.join("\n"), "Component", counts.treeRounds + counts.warmUps);
  const full = timed(starred.join("\n"), "a".repeat(60), counts.treeRounds + counts.warmUps);
  const ignoreRulesMs = usual.slice(counts.warmUps);
  const ignoreStarsMs = full.slice(counts.warmUps);
  return {
    figures: [
      latency("rules of every kind", ignoreRulesMs, atMost(100)),
      latency("  of twenty stars each, names that almost match", ignoreStarsMs),
    ],
    samples: { ignoreRulesMs, ignoreStarsMs },
  };
}

function timed(text: string, name: string, rounds: number): number[] {
  const patterns = IgnorePatterns.parse(text);
  return Array.from({ length: rounds }, () => {
    const began = performance.now();
    for (let index = 0; index < nameCount; index++)
      patterns.test("src/components/deep", `${name}${index}.tsx`, false);
    return performance.now() - began;
  });
}
