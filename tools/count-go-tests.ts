// Prints the failures of `go test -json` output and a last line that counts its tests.
import { readFileSync } from "node:fs";

interface Event {
  Action: string;
  Package: string;
  Test?: string;
  Output?: string;
}

const counts = { pass: 0, fail: 0, skip: 0 };
const output = new Map<string, string>();
const begun = new Map<string, string>();
for (const line of readFileSync(process.argv[2] ?? "", "utf8").split("\n")) {
  if (!line.startsWith("{")) continue;
  const event = JSON.parse(line) as Event;
  const key = `${event.Package} ${event.Test ?? ""}`;
  if (event.Action === "output") output.set(key, (output.get(key) ?? "") + (event.Output ?? ""));
  if (event.Action === "run") begun.set(key, event.Package);
  const ended =
    event.Action === "pass" || event.Action === "fail" || event.Action === "skip"
      ? event.Action
      : undefined;
  if (ended === undefined) continue;
  begun.delete(key);
  // A package fails with its tests; it counts only when none of them ran.
  if (event.Test !== undefined) counts[ended]++;
  else if (ended === "fail") counts.fail++;
  if (ended === "fail" || (ended === "skip" && event.Test !== undefined))
    process.stdout.write(`${ended}: ${key}\n${output.get(key) ?? ""}`);
  if (ended !== "fail" || event.Test !== undefined) continue;
  for (const [test, itsPackage] of begun)
    if (itsPackage === event.Package)
      process.stdout.write(`never ended: ${test}\n${firstLines(output.get(test) ?? "")}`);
}
process.stdout.write(`${counts.pass} passed, ${counts.fail} failed, ${counts.skip} skipped\n`);

/** What a test that took too long says: all its goroutines. */
function firstLines(text: string): string {
  return text.split(/(?<=\n)/, 200).join("");
}
