import type { TestEvent } from "node:test/reporters";

/** One line a test, failures once more at the end, where a shortened log still has them, and a last line that counts. */
export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  for await (const event of source) {
    if (event.type === "test:pass" || event.type === "test:fail") {
      for (const text of report(event, counts)) {
        yield text;
        if (text.startsWith("FAIL"))
          failures.push(text.split("\n", failureLines).join("\n").trimEnd());
      }
    } else if (event.type === "test:stderr") yield event.data.message;
  }
  if (failures.length > 0) yield `what failed:\n${failures.join("\n")}\n`;
  yield `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}

/** How much of a failure is said again. */
const failureLines = 12;

type Ended = Extract<TestEvent, { type: "test:pass" | "test:fail" }>;

function* report(
  { type, data }: Ended,
  counts: { passed: number; failed: number; skipped: number },
): Generator<string> {
  const isSuite = data.details.type === "suite";
  const name = `${"  ".repeat(data.nesting)}${data.name}`;
  const seconds = (data.details.duration_ms / 1000).toFixed(2);
  if (data.skip !== undefined && data.skip !== false) {
    if (!isSuite) counts.skipped++;
    yield `skip  ${name}  # ${data.skip === true ? "no reason given" : data.skip}\n`;
  } else if (type === "test:pass") {
    if (!isSuite) counts.passed++;
    yield `ok    ${name}  ${seconds} s\n`;
  } else {
    const { error } = data.details;
    const inner =
      error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : error.message;
    const onlyInside = error.message.includes("subtest") && error.message.includes("failed");
    if (!isSuite && !onlyInside) counts.failed++;
    yield `FAIL  ${name}  ${seconds} s  (${data.file ?? ""})\n${onlyInside ? "" : `${inner}\n`}`;
  }
}
