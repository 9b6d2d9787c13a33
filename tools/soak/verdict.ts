import type { Sample } from "./sample.ts";

type Column = Exclude<keyof Sample, "at">;

const columns: readonly (readonly [Column, string])[] = [
  ["ownMib", "own MiB"],
  ["ownDescriptors", "own fds"],
  ["supervisorMib", "sup MiB"],
  ["supervisorDescriptors", "sup fds"],
  ["supervisors", "sups"],
  ["monitors", "monitors"],
  ["files", "files"],
  ["workspaceRows", "ws rows"],
  ["commandRows", "cmd rows"],
];

const tableRowsMax = 20;

/** A line a sample, thinned out. */
export function tableOf(samples: readonly Sample[]): string {
  const step = Math.max(1, Math.ceil(samples.length / tableRowsMax));
  const head = ["time    ", ...columns.map(([, title]) => title.padStart(8))];
  const body = samples
    .filter((_, index) => index % step === 0 || index === samples.length - 1)
    .map((sample) => [
      sample.at.toISOString().slice(11, 19),
      ...columns.map(([column]) => sample[column].toFixed(0).padStart(8)),
    ]);
  return [head, ...body].map((row) => row.join("  ")).join("\n");
}

/** How much more of each the second half may have than the first: what is flat moves up and down a little. */
const allowed: Readonly<Partial<Record<Column, { share: number; slack: number }>>> = {
  ownMib: { share: 0.15, slack: 20 },
  ownDescriptors: { share: 0.1, slack: 10 },
  supervisorMib: { share: 0.15, slack: 10 },
  supervisorDescriptors: { share: 0.1, slack: 6 },
  supervisors: { share: 0, slack: 2 },
  monitors: { share: 0, slack: 2 },
  files: { share: 0.3, slack: 150 },
  workspaceRows: { share: 0, slack: 1 },
};

/** What grew over the samples, and what is left when everything was deleted. */
export function judge(samples: readonly Sample[], after: Sample): string[] {
  const middle = Math.floor(samples.length / 2);
  const [early, late] = [samples.slice(0, middle), samples.slice(middle)];
  const grown = columns.flatMap(([column, title]) => {
    const limit = allowed[column];
    if (limit === undefined || early.length === 0) return [];
    const [before, now] = [median(early, column), median(late, column)];
    const max = before * (1 + limit.share) + limit.slack;
    return now > max ? [`${title}: ${before.toFixed(0)}, later ${now.toFixed(0)}`] : [];
  });
  const left = (["monitors", "supervisors", "workspaceRows", "commandRows"] as const)
    .filter((column) => after[column] > 0)
    .map((column) => `${column} left in the end: ${after[column]}`);
  return [...grown, ...left];
}

function median(samples: readonly Sample[], column: Column): number {
  const sorted = samples.map((sample) => sample[column]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
