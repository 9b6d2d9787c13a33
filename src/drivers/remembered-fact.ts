import { rm } from "node:fs/promises";
import { readJsonFile, writeFileAtomically } from "../platform/files.ts";

/** A value and what it was true of. */
export interface Remembered<Value> {
  readonly key: string;
  readonly value: Value;
}

/** One measured fact in a small file of its own, good for as long as its key says the same. */
export class RememberedFact<Value> {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async recall(key: string): Promise<Value | undefined> {
    const last = await this.last();
    return last?.key === key ? last.value : undefined;
  }

  /** What was remembered last, whatever it was true of. */
  async last(): Promise<Remembered<Value> | undefined> {
    return (await readJsonFile(this.path)) as Remembered<Value> | undefined;
  }

  async remember(key: string, value: Value): Promise<void> {
    await writeFileAtomically(this.path, JSON.stringify({ key, value }));
  }

  async forget(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
