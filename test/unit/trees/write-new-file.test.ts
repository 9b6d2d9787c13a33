import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { writeNewFile } from "../../../src/trees/write-new-file.ts";

const directory = mkdtempSync(join(tmpdir(), "pyro-new-file-"));
after(() => rmSync(directory, { recursive: true, force: true }));

async function* pieces(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

describe("a new file of the host", () => {
  it("has its name only once it is whole", async () => {
    const path = join(directory, "whole");
    const seen: boolean[] = [];
    const watched = (async function* () {
      for await (const piece of pieces("one\n", "two\n")) {
        yield piece;
        seen.push(readdirSync(directory).includes("whole"));
      }
    })();
    assert.equal(await writeNewFile(path, watched), 8);
    assert.deepEqual(seen, [false, false]);
    assert.equal(readFileSync(path, "utf8"), "one\ntwo\n");
    assert.deepEqual(readdirSync(directory), ["whole"]);
  });

  it("leaves nothing when its content fails on the way", async () => {
    const failing = (async function* () {
      yield* pieces("half");
      throw new RangeError("no more");
    })();
    await assert.rejects(writeNewFile(join(directory, "half"), failing), RangeError);
    assert.equal(readdirSync(directory).filter((name) => name.startsWith("half")).length, 0);
  });

  it("replaces nothing, not even what came meanwhile", async () => {
    const path = join(directory, "taken");
    const late = (async function* () {
      yield* pieces("mine");
      writeFileSync(path, "theirs");
    })();
    await assert.rejects(writeNewFile(path, late), { code: "export_target_exists" });
    assert.equal(readFileSync(path, "utf8"), "theirs");
    await assert.rejects(writeNewFile(path, pieces("mine")), { code: "export_target_exists" });
    await assert.rejects(writeNewFile(join(directory, "no", "file"), pieces("x")), {
      code: "export_refused",
    });
  });
});
