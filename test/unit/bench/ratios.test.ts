import assert from "node:assert/strict";
import { test } from "node:test";
import { type FigureReport, ratiosOf } from "../../../bench/ratios.ts";

const report = (figures: FigureReport["sections"][number]["figures"]): FigureReport => ({
  sections: [{ section: "run", figures }],
});

test("the ratio of a figure is that of its medians, whatever the indentation of its name", () => {
  const took = (name: string, value?: number) => report([{ name, value, unit: "ms" }]);
  const base = [100, 300, 200].map((value) => took("  whole run", value));
  const current = [50, 170].map((value) => took("whole run", value));
  assert.deepEqual(ratiosOf(base, current), [
    { section: "run", figure: "whole run", unit: "ms", base: 200, current: 110, ratio: 0.55 },
  ]);
});

test("a figure that one build does not measure has no ratio, nor has one whose base is nothing", () => {
  const base = [
    report([
      { name: "gone", value: 1, unit: "s" },
      { name: "failed", value: 0, unit: "" },
    ]),
  ];
  const current = [
    report([
      { name: "new", value: 2, unit: "s" },
      { name: "failed", value: 3, unit: "" },
      { name: "gone", unit: "s" },
    ]),
  ];
  assert.deepEqual(
    ratiosOf(base, current).map(({ figure, base, current, ratio }) => [
      figure,
      base,
      current,
      ratio,
    ]),
    [
      ["new", undefined, 2, undefined],
      ["failed", 0, 3, undefined],
      ["gone", 1, undefined, undefined],
    ],
  );
});
