import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { errorCodes } from "../../../src/index.ts";
import { errorCoverage } from "../../support/error-coverage.ts";
import { repository } from "../../support/home.ts";

const read = (path: string) => readFileSync(join(repository, path), "utf8");

test("every error code is brought about by a test, and the table says by which", () => {
  assert.deepEqual(Object.keys(errorCoverage).sort(), Object.keys(errorCodes).sort());
  for (const [code, where] of Object.entries(errorCoverage)) {
    const path = typeof where === "string" ? where : where.testedIn;
    if (typeof where === "string")
      assert.match(path, /^test\/(mcp|faults|cli|guest)\/.*\.test\.ts$/);
    assert.match(read(path), new RegExp(`\\b${code}\\b`), `${path} does not speak of ${code}`);
  }
});

test("something fails with every error code", () => {
  const declaring = ["src/model/errors.ts", "src/mcp/answers/next-steps.ts"];
  const sources = globSync("src/**/*.ts", { cwd: repository })
    .filter((path) => !declaring.includes(path))
    .map(read)
    .join("\n");
  assert.deepEqual(
    Object.keys(errorCodes).filter((code) => !sources.includes(`"${code}"`)),
    [],
  );
});
