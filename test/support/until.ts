import { setTimeout as sleep } from "node:timers/promises";

const betweenMs = 20;

/** Waits for what no event tells, in a bounded number of looks; `what` names it when it never comes, asked then where it tells how things stand. */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  tries = 1_000,
): Promise<void> {
  for (let attempt = 0; attempt < tries; attempt++) {
    if (await holds()) return;
    await sleep(betweenMs);
  }
  throw new TypeError(`waited in vain until ${typeof what === "string" ? what : what()}`);
}
