// The last words of `make test-kvm`: what failed once more, and one line that counts. `sum-up.ts REPORT KEY ONLY PAIR…`.
import { existsSync } from "node:fs";
import { behavioursWith } from "../../test/kvm/behaviours/all-behaviours.ts";
import { readReport } from "./report.ts";

const [path = "", key = "", only = "", ...pairs] = process.argv.slice(2);
const { settings, outcomes } = existsSync(path) ? readReport(path, key) : readReport();
const counts = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
for (const pair of pairs)
  for (const { name } of behavioursWith(only)) {
    const outcome = outcomes.get(`${pair} ${name}`);
    counts[outcome?.result ?? "failed"]++;
    if (outcome === undefined) failures.push(`FAIL  ${pair}: ${name}  was not reached`);
    else if (outcome.result === "failed")
      failures.push(`FAIL  ${pair}: ${name}\n${outcome.reason}`);
  }
for (const { pair, monitor, hostKernel } of settings.values())
  console.log(`${pair}: ${monitor} on Linux ${hostKernel}`);
if (failures.length > 0) console.log(`what failed:\n${failures.join("\n")}`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
