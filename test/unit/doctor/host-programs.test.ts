import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hostPrograms } from "../../../src/doctor/host-programs.ts";
import { repository } from "../../support/home.ts";

test("the page on installing names the programs that the doctor looks for, with package and purpose", () => {
  const rows = readFileSync(`${repository}/docs/install.md`, "utf8")
    .replaceAll("`", "")
    .split("\n");
  for (const { program, packageName, purpose } of hostPrograms)
    assert.ok(rows.includes(`| ${program} | ${purpose} | ${packageName} |`), program);
});
