import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { PyroHome } from "../support/home.ts";
import type { Ended } from "../support/process.ts";

// By name: `make test-distro DISTRO=sid DISTRO_TEST_FILES=test/distro/boots.ts`. Whether QEMU boots every time, saves every
// template and resumes every time.

const count = 40;

/** How a command came by its machine, as its trace tells: what it went through before it ran, or why it did not. */
function wayOf({ code, stderr }: Ended): string {
  if (code !== 0) return stderr;
  const phases = [...stderr.matchAll(/\b(booted|saved)=/g)].map(([, phase]) => phase);
  return phases.join(", then ") || "resumed";
}

describe(`${count} machines`, () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.private();
  });
  after(() => home.dispose());

  const forgetTemplates = () => {
    const templates = join(home.cacheDirectory, "templates");
    for (const name of readdirSync(templates)) rmSync(join(templates, name), { recursive: true });
  };

  /** Runs a command in `count` machines, `together` at a time, and answers how many came by each way. */
  const start = async (together: number, beforeEach: () => void = () => undefined) => {
    const ways: Record<string, number> = {};
    const begun = performance.now();
    for (let started = 0; started < count; started += together) {
      beforeEach();
      const ended = await Promise.all(
        Array.from({ length: together }, () => home.run(["true"], { env: { PYRO_TRACE: "1" } })),
      );
      for (const way of ended.map(wayOf)) ways[way] = (ways[way] ?? 0) + 1;
    }
    const milliseconds = Math.round((performance.now() - begun) / count);
    console.error(`${together} at a time: ${JSON.stringify(ways)}, ${milliseconds} ms each`);
    return ways;
  };

  before(() => home.run(["true"]));

  for (const together of [1, 8]) {
    it(`boot, ${together} at a time`, async () => {
      // Of those that start together one becomes the template, and the others wait for nobody.
      const saved = count / together;
      const others = count - saved;
      assert.deepEqual(await start(together, forgetTemplates), {
        "booted, then saved": saved,
        ...(others > 0 && { booted: others }),
      });
    });

    it(`resume, ${together} at a time`, async () => {
      await home.run(["true"]);
      assert.deepEqual(await start(together), { resumed: count });
    });
  }
});
