import assert from "node:assert/strict";
import { test } from "node:test";
import { baseline, type ExpectedFailure } from "./baseline.ts";
import { LoopbackServer } from "./loopback-server.ts";
import { installConformance } from "./packages.ts";
import { type Outcome, runSuite } from "./suite.ts";

// `make test-conformance`. What a scenario came to is compared with the baseline in both directions: it fails here when it
// no longer passes, and when it passes though the baseline says that it cannot.

/** The revisions that Codex, OpenCode and Claude Code speak, in this order, and how many scenarios the suite has for each. */
const scenarioCounts = { "2025-06-18": 27, "2025-11-25": 33, "2026-07-28": 40 };

await installConformance();
const seen = new Set<string>();
for (const [revision, count] of Object.entries(scenarioCounts)) {
  await using server = await LoopbackServer.start();
  const outcomes = await runSuite(server.url, revision);
  for (const outcome of outcomes) {
    seen.add(outcome.scenario).add(`${revision}/${outcome.scenario}`);
    test(`${revision} ${outcome.scenario}`, (context) => {
      const reason = compare(revision, outcome);
      if (reason !== undefined) context.skip(reason);
    });
  }
  test(`${revision} has all its scenarios`, () => assert.equal(outcomes.length, count));
}

test("the baseline names no scenario that there is not", () => {
  const named = baseline.flatMap(({ failing }) => failing.map((name) => name.split(":")[0] ?? ""));
  assert.deepEqual(
    named.filter((name) => !seen.has(name)),
    [],
  );
});

/** Fails unless a scenario came to what the baseline says; answers why it was not expected to pass, if so. */
function compare(
  revision: string,
  { scenario, passedCount, failures }: Outcome,
): string | undefined {
  const names = [scenario, `${revision}/${scenario}`];
  const whole = baseline.find(({ failing }) => failing.some((name) => names.includes(name)));
  if (whole !== undefined) {
    assert.equal(passedCount, 0, "it passes now: take it out of the baseline");
    for (const [check, says] of failures) assertSays(whole, check, says);
    return whole.reason;
  }
  const excused = baseline.flatMap((entry) =>
    entry.failing
      .filter((name) => name.startsWith(`${scenario}:`))
      .map((name) => [name.slice(scenario.length + 1), entry] as const),
  );
  const expected = new Map(excused);
  assert.deepEqual([...failures.keys()].sort(), [...expected.keys()].sort(), told(failures));
  for (const [check, says] of failures) {
    const entry = expected.get(check);
    if (entry !== undefined) assertSays(entry, check, says);
  }
  assert.notEqual(passedCount, 0, "the scenario found nothing to check");
  return undefined;
}

function assertSays(entry: ExpectedFailure, check: string, says: string): void {
  assert.match(says, entry.says, `${check} fails for another reason than "${entry.reason}"`);
}

function told(failures: ReadonlyMap<string, string>): string {
  return [...failures].map(([check, says]) => `${check}: ${says}`).join("\n");
}
