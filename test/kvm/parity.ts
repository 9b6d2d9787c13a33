// The parity suite by one pair: `node test/kvm/parity.ts --pair qemu-kvm --report FILE|DESCRIPTOR`. Every behaviour of the list, in one
// process, one after another. The report is lines of JSON; those of behaviours that a report of the same `--key` has as passed are
// not tried again.
import { existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Behaviour, Outcome } from "./behaviour.ts";
import { behavioursWith } from "./behaviours/all-behaviours.ts";
import { choosing, type Pair, pairs } from "./pairs.ts";
import { Place } from "./place.ts";
import { settingOf } from "./setting.ts";

const { values } = parseArgs({
  options: {
    pair: { type: "string" },
    report: { type: "string" },
    known: { type: "string" },
    key: { type: "string", default: "none" },
    patience: { type: "string", default: "4" },
    only: { type: "string", default: "" },
  },
});
const pair = pairs.find(({ name }) => name === values.pair);
if (pair === undefined || values.report === undefined)
  throw new TypeError(
    `--pair names "${values.pair}", and is one of ${pairs.map(({ name }) => name).join(", ")}; --report names a file`,
  );

// A port of a machine cannot be opened twice: it comes opened.
const report = /^\d+$/.test(values.report)
  ? Number(values.report)
  : openSync(values.report, "a", 0o600);
const { key } = values;
const wanted = behavioursWith(values.only);
const tell = (record: object) => writeSync(report, `${JSON.stringify(record)}\n`);
Object.assign(process.env, choosing(pair));
process.exitCode = (await runAll(pair)) ? 0 : 1;
// Nothing that a behaviour left in this process may keep it.
process.exit();

async function runAll(pair: Pair): Promise<boolean> {
  console.log(`${pair.name}:`);
  await using place = await Place.make(pair, Number(values.patience));
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void place[Symbol.asyncDispose]().finally(() => process.exit(130)));
  const setting = await settingOf(place, key);
  if (typeof setting === "string") {
    for (const { name } of wanted) say({ ...blank(name), result: "skipped", reason: setting });
    return true;
  }
  tell(setting);
  const passed = knownToPass(pair);
  let good = true;
  for (const behaviour of wanted) {
    if (passed.has(behaviour.name)) console.log(`ok    ${behaviour.name}  (earlier)`);
    else good = say(await attempt(behaviour, place)) && good;
  }
  return good;
}

function knownToPass({ name }: Pair): ReadonlySet<string> {
  const path = values.known ?? values.report ?? "";
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  const outcomes = lines.filter(Boolean).flatMap((line) => {
    try {
      return [JSON.parse(line) as Outcome];
    } catch {
      // The run was cut off while it wrote this.
      return [];
    }
  });
  const good = outcomes.filter((one) => one.key === key && one.pair === name);
  return new Set(good.flatMap((one) => (one.result === "passed" ? [one.behaviour] : [])));
}

function blank(behaviour: string): Pick<Outcome, "key" | "pair" | "behaviour" | "seconds"> {
  return { key, pair: pair?.name ?? "", behaviour, seconds: 0 };
}

async function attempt(behaviour: Behaviour, place: Place): Promise<Outcome> {
  const reason = behaviour.missing?.(place.pair);
  if (reason !== undefined) return { ...blank(behaviour.name), result: "skipped", reason };
  const began = performance.now();
  const done = (rest: Pick<Outcome, "result" | "reason" | "figures">): Outcome => ({
    ...blank(behaviour.name),
    seconds: Math.round((performance.now() - began) / 100) / 10,
    ...rest,
  });
  try {
    place.figures = undefined;
    await within(behaviour, place);
    return done({ result: "passed", ...figuresOf(place) });
  } catch (error) {
    const { message, hint, code } = error as Error & { code?: string; hint?: string };
    const text = [code, message, hint].filter(Boolean).join(": ");
    return done({ result: "failed", reason: text.split("\n").slice(0, 30).join("\n") });
  }
}

function figuresOf({ figures }: Place): Pick<Outcome, "figures"> {
  return figures === undefined ? {} : { figures };
}

/** Whatever it still does when its time is over, the next ones are tried. */
async function within(behaviour: Behaviour, place: Place): Promise<void> {
  const limitMs = (behaviour.seconds ?? 60) * place.patience * 1000;
  const timer = new AbortController();
  const late = sleep(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new TypeError(`it was not done within ${limitMs / 1000} s`);
  });
  late.catch(() => undefined);
  try {
    await Promise.race([behaviour.hold(place), late]);
  } finally {
    timer.abort();
  }
}

/** Prints and reports an outcome; whether it is a good one. */
function say(outcome: Outcome): boolean {
  tell(outcome);
  const { result, behaviour, seconds, reason, figures } = outcome;
  const measured = figures ? `  ${JSON.stringify(figures)}` : "";
  if (result === "skipped") console.log(`skip  ${behaviour}  # ${reason}`);
  else if (result === "passed") console.log(`ok    ${behaviour}  ${seconds} s${measured}`);
  else console.log(`FAIL  ${behaviour}  ${seconds} s\n${reason}`);
  return result !== "failed";
}
