import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProgressMeter, type PullProgress } from "../../../../src/environments/oci/progress.ts";

describe("ProgressMeter", () => {
  it("reports about ten times a second, phases and details always", () => {
    const reports: PullProgress[] = [];
    const meter = new ProgressMeter((report) => reports.push(report));
    meter.enter("download", "0 of 2 layers", 3_000_000);
    const started = performance.now();
    for (let bytes = 0; bytes < 1_000_000; bytes++) meter.setBytes("a", bytes);
    const tenths = Math.ceil((performance.now() - started) / 100);
    assert.ok(reports.length <= 1 + tenths, `${reports.length} in ${tenths} tenths of a second`);
    meter.setBytes("b", 2_000_000);
    meter.setRetries("b", 3);
    meter.say("complete");
    assert.deepEqual(reports.at(-1), {
      phase: "download",
      completedBytes: 2_999_999,
      totalBytes: 3_000_000,
      detail: "complete, 3 retries",
    });
  });

  it("may have no listener", () => new ProgressMeter().say("alone"));
});
