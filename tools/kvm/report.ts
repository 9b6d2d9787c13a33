import { readFileSync } from "node:fs";
import type { Outcome, Setting } from "../../test/kvm/behaviour.ts";

/** What runs of the parity suite have reported. */
export interface Report {
  /** The newest of each pair. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** The newest of each `PAIR BEHAVIOUR`. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/** Reads a report; of one that was made with several states of the product, what has this `key`. Without a path: nothing. */
export function readReport(path?: string, key?: string): Report {
  const settings = new Map<string, Setting>();
  const outcomes = new Map<string, Outcome>();
  const lines = path === undefined ? [] : readFileSync(path, "utf8").split("\n");
  for (const line of lines) {
    const record = parse(line);
    if (record === undefined || (key !== undefined && record.key !== key)) continue;
    if ("behaviour" in record) outcomes.set(`${record.pair} ${record.behaviour}`, record);
    else settings.set(record.pair, record);
  }
  return { settings, outcomes };
}

function parse(line: string): Setting | Outcome | undefined {
  try {
    return JSON.parse(line) as Setting | Outcome;
  } catch {
    // The run was cut off while it wrote this.
    return undefined;
  }
}
