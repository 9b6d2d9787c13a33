import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";

const guests = 8;

describe("guests that start together", () => {
  it("all boot, cold, and one of them leaves a template", async () => {
    await using home = await PyroHome.private();
    const runs = Array.from({ length: guests }, (_, index) =>
      home.pyro(["run", baseEnvironment, "--mem-mib", "512", "--", "echo", String(index)]),
    );
    const ended = await Promise.all(runs);
    assert.deepEqual(
      ended.map(({ code, stdout }) => [code, stdout]),
      Array.from({ length: guests }, (_, index) => [0, `${index}\n`]),
    );
    // Who comes first builds the initial file system; the others may say that they wait for it.
    const waiting = `${baseEnvironment}: waiting for another process to fetch the guest kernel\n`;
    for (const { stderr } of ended) assert.ok(stderr === "" || stderr === waiting, stderr);
    const templates = readdirSync(join(home.cacheDirectory, "templates"));
    assert.equal(templates.filter((name) => !name.endsWith(".lock")).length, 1, `${templates}`);
    await home.assertNothingLeft();
  });
});
