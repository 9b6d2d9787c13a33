// Measures another commit of pyro and this checkout in turns, and prints the ratio of every figure.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { asPyroError } from "../src/model/errors.ts";
import { readConfig } from "../src/platform/config.ts";
import { makeBaseCheckout } from "./base-checkout.ts";
import { round } from "./figure.ts";
import { abortOnSignals, Interrupted } from "./interrupt.ts";
import { type FigureReport, type Ratio, ratiosOf } from "./ratios.ts";
import { formatBlocks, withUnit } from "./table.ts";
import { runTimed } from "./timed-process.ts";
import { makeWorkDirectory } from "./work-directory.ts";

const repository = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const usage = `usage: node bench/compare.ts [--only SECTION,...] [--rounds N] [--quick] COMMIT

  COMMIT    what this checkout is held against: it is built beside it
  --only    these sections alone; both builds must have them
  --rounds  how often both are measured, in turns (default: 2)
  --quick   few measurements, to see that everything works`;

interface CompareOptions {
  readonly commit: string;
  readonly rounds: number;
  /** For the benchmark of either build. */
  readonly args: readonly string[];
}

/** One build, and where it keeps what it measures with. */
interface Build {
  readonly directory: string;
  readonly cacheDirectory: string;
}

async function compare({ commit, rounds, args }: CompareOptions): Promise<void> {
  const signal = abortOnSignals();
  const { cacheDirectory } = readConfig();
  const progress = (text: string) => void process.stderr.write(`${text}\n`);
  await using work = await makeWorkDirectory(cacheDirectory);
  await using base = await makeBaseCheckout({
    repository,
    commit,
    cacheDirectory,
    workDirectory: work.path,
    signal,
    progress,
  });
  const current = { directory: repository, cacheDirectory };
  const reports: { base: FigureReport[]; current: FigureReport[] } = { base: [], current: [] };
  for (let at = 1; at <= rounds; at++) {
    progress(`round ${at} of ${rounds}: ${base.commit.slice(0, 12)}`);
    reports.base.push(await measure(base, args, signal));
    progress(`round ${at} of ${rounds}: this checkout`);
    reports.current.push(await measure(current, args, signal));
  }
  const ratios = ratiosOf(reports.base, reports.current);
  process.stdout.write(`${formatRatios(ratios, base.commit.slice(0, 12))}\n`);
}

/** By the build's own benchmark, which knows how to ask it. */
async function measure(
  { directory, cacheDirectory }: Build,
  args: readonly string[],
  signal: AbortSignal,
): Promise<FigureReport> {
  const command = process.execPath;
  const main = join(directory, "bench", "main.ts");
  const { stdout } = await runTimed(
    {
      command,
      args: ["--disable-warning=ExperimentalWarning", main, ...args],
      env: { ...process.env, PYRO_CACHE_DIR: cacheDirectory },
    },
    signal,
  );
  const path = stdout.trim().split("\n").at(-1) ?? "";
  return JSON.parse(await readFile(path, "utf8")) as FigureReport;
}

function formatRatios(ratios: readonly Ratio[], base: string): string {
  const sections = [...Map.groupBy(ratios, ({ section }) => section).values()];
  const cell = (value: number | undefined, { unit }: Ratio) =>
    value === undefined ? "-" : withUnit(value, unit);
  return formatBlocks(
    ["figure", base, "now", "now ÷ then"],
    sections.map((rows) =>
      rows.map((row) => [
        row.figure,
        cell(row.base, row),
        cell(row.current, row),
        row.ratio === undefined ? "-" : round(row.ratio),
      ]),
    ),
  );
}

function readOptions(args: readonly string[]): CompareOptions | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        only: { type: "string" },
        rounds: { type: "string", default: "2" },
        quick: { type: "boolean", default: false },
      },
    });
    const [[commit, ...more], rounds] = [positionals, Number(values.rounds)];
    if (commit === undefined || more.length > 0 || !Number.isSafeInteger(rounds) || rounds < 1)
      return undefined;
    const only = values.only === undefined ? [] : ["--only", values.only];
    return { commit, rounds, args: [...only, ...(values.quick ? ["--quick"] : [])] };
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  try {
    await compare(options);
    return 0;
  } catch (error) {
    process.stderr.write(`error: ${asPyroError(error).message}\n`);
    return error instanceof Interrupted ? error.exitCode : 1;
  }
}

process.exitCode = await main();
