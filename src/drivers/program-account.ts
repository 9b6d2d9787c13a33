import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { promisify } from "node:util";
import { asPyroError } from "../model/errors.ts";
import { toolEnvironment } from "../platform/config.ts";
import type { RememberedFact } from "./remembered-fact.ts";

/** Runs the program with these arguments and answers what it prints. */
export type Ask = (...args: readonly string[]) => Promise<string>;

/**
 * What `program` says about itself: `read` asks it, once as long as its file stays the same. A text is why it says nothing, and
 * is asked for anew.
 */
export async function accountOf<Account extends object>(
  program: string,
  fact: RememberedFact<Account>,
  read: (ask: Ask) => Promise<Account | string>,
): Promise<Account | string> {
  const { mtimeMs, size, ino } = statSync(program);
  const key = [program, mtimeMs, size, ino].join(" ");
  const known = await fact.recall(key);
  if (known !== undefined) return known;
  const options = { env: toolEnvironment(), timeout: 10_000, maxBuffer: 65_536 };
  try {
    const account = await read(
      async (...args) => (await promisify(execFile)(program, args, options)).stdout,
    );
    if (typeof account !== "string") await fact.remember(key, account);
    return account;
  } catch (error) {
    return `${program} does not run: ${asPyroError(error).message.split("\n")[0]}`;
  }
}
