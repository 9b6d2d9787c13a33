import assert from "node:assert/strict";
import { test } from "node:test";
import { PyroError } from "../../../src/model/errors.ts";
import {
  machineSize,
  runnableCommand,
  timeoutMs,
  ttlMs,
} from "../../../src/model/machine-options.ts";

const hostMemMib = 8192;

function refused(work: () => unknown, message: RegExp): void {
  assert.throws(work, (error: unknown) => {
    assert.ok(error instanceof PyroError);
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, message);
    return true;
  });
}

test("a machine has one vCPU, 1024 MiB and the CPU of its environment unless it is told otherwise", () => {
  assert.deepEqual(machineSize({}, hostMemMib), {
    vcpuCount: 1,
    memMib: 1024,
    cpu: undefined,
  });
});

test("impossible sizes are refused by name and value", () => {
  refused(
    () => machineSize({ vcpuCount: 0 }, hostMemMib),
    /vcpuCount is 0, but must be a whole number from 1 to 64/,
  );
  refused(
    () => machineSize({ cpu: "v4" as "v3" }, hostMemMib),
    /cpu is "v4", but must be v2 or v3/,
  );
  refused(() => machineSize({ vcpuCount: 1.5 }, hostMemMib), /vcpuCount is 1\.5/);
  refused(
    () => machineSize({ memMib: 64 }, hostMemMib),
    /memMib is 64, but must be a whole number from 256 to 8192/,
  );
  refused(() => machineSize({ memMib: 16_384 }, hostMemMib), /memMib is 16384/);
  refused(() => machineSize({ memMib: Number.NaN }, hostMemMib), /memMib is NaN/);
});

test("commands that cannot be run are refused", () => {
  refused(() => runnableCommand([]), /command is empty/);
  refused(() => runnableCommand([""]), /command is empty/);
  refused(() => runnableCommand(["a\0b"]), /NUL/);
  refused(() => runnableCommand(["x".repeat(3 * 1024 * 1024)]), /2097152 bytes are the limit/);
  assert.deepEqual(runnableCommand(["true"]), ["true"]);
});

test("times have bounds", () => {
  assert.equal(timeoutMs(), 30_000);
  assert.equal(timeoutMs(0.25), 250);
  refused(() => timeoutMs(0), /timeoutSeconds is 0/);
  refused(() => timeoutMs(Number.POSITIVE_INFINITY), /timeoutSeconds is Infinity/);
  assert.equal(ttlMs(), 600_000);
  refused(() => ttlMs(-1), /ttlSeconds is -1/);
});
