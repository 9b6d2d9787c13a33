// What a shell runs when somebody presses Tab. It says what it can say at once, and nothing else: no error, no warning.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KnownNames, readConfig, visibleText } from "../known-names.ts";
import { type Candidate, type Completion, complete } from "./completion/complete.ts";
import type { CommandGrammar } from "./completion/grammar.ts";
import { nameSource } from "./completion/name-source.ts";

/** Made by the build, so that no command is loaded to tell what its options are. */
const grammarPath = join(import.meta.dirname, "..", "completion.json");

/** What no shell takes for anything but itself, and no terminal for a command. */
const plainWord = /^[A-Za-z0-9._:/@%+=,-]+$/;
const summaryLengthMax = 80;

try {
  const grammar = JSON.parse(readFileSync(grammarPath, "utf8")) as CommandGrammar;
  using known = new KnownNames(readConfig());
  const completion = await complete(grammar, process.argv.slice(3), nameSource(known));
  process.stdout.write(linesOf(completion));
} catch {
  // A command that is run will say it better.
}

function linesOf({ candidates, paths }: Completion): string {
  const lines = unique(candidates)
    .filter(({ value }) => plainWord.test(value))
    .map(({ value, summary = "" }) => `${value}\t${visibleText(summary, summaryLengthMax)}\n`);
  return [...(paths ? [`:${paths}\n`] : []), ...lines].join("");
}

/** The first of each. */
function unique(candidates: readonly Candidate[]): readonly Candidate[] {
  return [...new Map(candidates.toReversed().map((one) => [one.value, one])).values()].toReversed();
}
