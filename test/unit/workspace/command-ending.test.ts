import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecOutcome } from "../../../src/channel/exec.ts";
import type { Isolation } from "../../../src/drivers/driver.ts";
import type { CpuLevel } from "../../../src/model/machine-options.ts";
import { endingOf, hintFor } from "../../../src/workspace/command-ending.ts";

const cost = { timedOut: false, outOfMemory: false, durationMs: 1, backgroundProcessCount: 0 };

function hint(
  outcome: ExecOutcome,
  isolation: Isolation = "emulated",
  cpu: CpuLevel = "v2",
): string {
  return hintFor(endingOf(outcome, ["x"]), { isolation, cpu }) ?? "";
}

test("an illegal instruction in an emulated guest tells of its CPU, through a shell too", () => {
  const illegal = { kind: "signalled", signal: "ILL", ...cost } as const;
  assert.match(hint(illegal), /x86-64-v2, without AVX/);
  assert.match(hint({ kind: "exited", exitCode: 132, ...cost }), /x86-64-v2, without AVX/);
  assert.match(hint(illegal, "emulated", "v3"), /x86-64-v3, without AVX-512/);
  assert.deepEqual(
    [
      hint(illegal, "hardware"),
      hint(illegal, "none"),
      hint({ ...illegal, timedOut: true }),
      hint({ kind: "exited", exitCode: 1, ...cost }),
      hint({ kind: "signalled", signal: "SEGV", ...cost }),
    ],
    ["", "", "", "", ""],
  );
});
