import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bootCanary, type Patience } from "../../../src/drivers/canary.ts";
import type { Driver, Machine } from "../../../src/drivers/driver.ts";

const directory = mkdtempSync(join(tmpdir(), "pyro-test-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const initramfsPath = join(directory, "initramfs");
writeFileSync(initramfsPath, "");

/** Of a guest that has said `words`, each when it was looked at one more time. */
async function outcomeOf(words: readonly string[], patience: Patience) {
  let [looks, killed] = [0, 0];
  const driver = {
    boot: async () =>
      ({
        exited: new Promise<never>(() => undefined),
        consoleTail: () => words.slice(0, ++looks).join(""),
        kill: async () => void killed++,
      }) as unknown as Machine,
  } as unknown as Driver;
  const boot = { kernelPath: initramfsPath, initramfsPath, digest: "digest" };
  const outcome = await bootCanary({ driver, boot, signal: undefined, ...patience });
  assert.equal(killed, 1);
  return outcome;
}

const first = "Linux version 6.1";

test("a guest that says nothing has less time than one whose kernel has spoken", async () => {
  const silent = await outcomeOf([], { silentMs: 30, speakingMs: 600_000 });
  assert.deepEqual(silent, {
    cameUp: false,
    reason: "a guest did not start on it within 0.03 s.",
  });
  const stuck = await outcomeOf([first], { silentMs: 0, speakingMs: 60 });
  assert.deepEqual(stuck, { cameUp: false, reason: "a guest did not start on it within 0.06 s." });
});

test("a guest that has spoken comes up, however late", async () => {
  const patience = { silentMs: 0, speakingMs: 600_000 };
  const slow = [first, "", "", "", "", "pyro-agent: no disk"];
  assert.equal((await outcomeOf(slow, patience)).cameUp, true);
});

test("another program's words are not a kernel's", async () => {
  const patience = { silentMs: 30, speakingMs: 600_000 };
  assert.equal((await outcomeOf(["SeaBIOS", "booting"], patience)).cameUp, false);
});
