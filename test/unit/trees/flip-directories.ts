// Replaces directories of an export that is being written by links to a canary, and puts them back, as fast as it can. Says
// now and then how often it did.
import { readdirSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";

const [area = "", canary = ""] = process.argv.slice(2);

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // The export was faster.
  }
}

let flipCount = 0;

function flip(path: string): void {
  attempt(() => {
    renameSync(path, `${path}.away`);
    attempt(() => {
      symlinkSync(canary, path);
      flipCount++;
    });
    attempt(() => unlinkSync(path));
    renameSync(`${path}.away`, path);
  });
}

function flipAll(): void {
  for (const name of readdirSync(area)) {
    if (!name.endsWith(".partial")) continue;
    const staging = join(area, name);
    flip(staging);
    attempt(() => {
      for (const child of readdirSync(staging)) flip(join(staging, child));
    });
  }
}

/** Lets a moment for the news that whoever started this is gone. */
function flipOn(): void {
  for (let round = 0; round < 100; round++) flipAll();
  process.send?.(flipCount);
  setImmediate(flipOn);
}

process.once("disconnect", () => process.exit());
process.send?.(flipCount);
flipOn();
