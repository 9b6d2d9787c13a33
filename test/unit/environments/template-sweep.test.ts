import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TemplateStore } from "../../../src/environments/templates.ts";

test("a sweep takes what nothing tells of, and neither a lock nor what lies beside one that is held", async () => {
  const cache = mkdtempSync(join(tmpdir(), "pyro-test-"));
  try {
    const root = join(cache, "templates");
    mkdirSync(join(root, "half"), { recursive: true });
    const locks = [join(root, "key.lock"), join(root, "key.lock-journal")];
    for (const path of locks) writeFileSync(path, "");
    assert.equal(await new TemplateStore(cache).sweep(() => true), 1);
    assert.deepEqual(
      [existsSync(join(root, "half")), ...locks.map(existsSync)],
      [false, true, true],
    );
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
});
