import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecOutcome } from "../../../../src/channel/exec.ts";
import type { Isolation } from "../../../../src/drivers/driver.ts";
import type { CpuLevel } from "../../../../src/model/machine-options.ts";
import { endingOf, hintFor } from "../../../../src/workspace/machines/command-ending.ts";

const cost = { timedOut: false, outOfMemory: false, durationMs: 1, backgroundProcessCount: 0 };

function hint(
  outcome: ExecOutcome,
  isolation: Isolation = "emulated",
  cpu: CpuLevel = "v2",
  lastWords = "",
): string {
  return hintFor({ ...endingOf(outcome, ["x"]), lastWords }, { isolation, cpu }) ?? "";
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

test("so does what the loader says of programs and C libraries for other CPUs", () => {
  const refused = { kind: "exited", exitCode: 127, ...cost } as const;
  const library = "app: /lib/x86_64-linux-gnu/libc.so.6: CPU ISA level is lower than required\n";
  const loader = "Fatal glibc error: CPU does not support x86-64-v3\n";
  assert.match(hint(refused, "emulated", "v2", library), /x86-64-v2, without AVX; .*"v3"/);
  assert.match(hint(refused, "emulated", "v2", loader), /x86-64-v2, without AVX; .*"v3"/);
  assert.match(hint(refused, "emulated", "v3", library), /x86-64-v3, without AVX-512/);
  assert.deepEqual(
    [
      hint(refused, "emulated", "v2", "sh: app: not found\n"),
      hint(refused, "hardware", "v2", loader),
      hint({ ...refused, exitCode: 0 }, "emulated", "v2", loader),
    ],
    ["", "", ""],
  );
});
