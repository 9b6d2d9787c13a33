import type { TestEvent } from "node:test/reporters";

/** One line a test file, failures and skips in full, and a last line that counts. */
export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const event of source) {
    if (event.type === "test:pass" || event.type === "test:fail") yield* report(event, counts);
    else if (event.type === "test:stderr") yield event.data.message;
  }
  yield `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}

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
