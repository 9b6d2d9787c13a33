import { parseArgs } from "node:util";
import { type Counts, fullCounts, quickCounts } from "./counts.ts";
import type { Section } from "./section.ts";

export interface BenchOptions {
  readonly quick: boolean;
  readonly counts: Counts;
  readonly sections: readonly Section[];
}

/** The options on the command line, or the text to print instead of measuring. */
export function readOptions(
  args: readonly string[],
  all: readonly Section[],
): BenchOptions | { readonly help: string } | { readonly mistake: string } {
  let values: {
    quick: boolean;
    help: boolean;
    only?: string | undefined;
    "flood-mb"?: string | undefined;
  };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        "flood-mb": { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    }));
  } catch (error) {
    return { mistake: error instanceof Error ? error.message : String(error) };
  }
  if (values.help) return { help: helpText(all) };
  const wanted = values.only?.split(",").map((name) => name.trim());
  const unknown = wanted?.find((name) => !all.some((section) => section.name === name));
  if (unknown !== undefined) {
    const known = all.map((section) => section.name).join(", ");
    return { mistake: `There is no section "${unknown}". Known: ${known}.` };
  }
  const counts = values.quick ? quickCounts : fullCounts;
  const floodMb = Number(values["flood-mb"] ?? counts.floodMb);
  if (!Number.isSafeInteger(floodMb) || floodMb < 1)
    return { mistake: `--flood-mb is "${values["flood-mb"]}"; it takes a number from 1 on.` };
  return {
    quick: values.quick,
    counts: { ...counts, floodMb },
    sections: all.filter((section) => wanted?.includes(section.name) ?? true),
  };
}

function helpText(all: readonly Section[]): string {
  const width = Math.max(...all.map((section) => section.name.length));
  return [
    "usage: node bench/main.ts [--quick] [--flood-mb N] [--only SECTION,...]",
    "",
    "  --quick     few measurements, to see that everything works",
    `  --flood-mb  how much programs write in the section floods (default: ${fullCounts.floodMb})`,
    "  --only      these sections alone:",
    ...all.map(({ name, title }) => `                ${name.padEnd(width)}  ${title}`),
  ].join("\n");
}
