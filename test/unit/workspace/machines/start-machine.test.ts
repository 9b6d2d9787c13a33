import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PyroError } from "../../../../src/model/errors.ts";
import type { MachineFactory } from "../../../../src/workspace/machines/machine-factory.ts";
import { startMachine } from "../../../../src/workspace/machines/start-machine.ts";
import type { StartRequest } from "../../../../src/workspace/machines/start-request.ts";

test("a monitor that refuses what was just saved is told in its own words, not booted around", async () => {
  const directory = mkdtempSync(join(tmpdir(), "pyro-test-"));
  const disk = join(directory, "disk");
  writeFileSync(disk, "");
  let restores = 0;
  let removals = 0;
  const factory = {
    boot: { digest: "" },
    driver: {
      fingerprintOf: () => "",
      restore: () => {
        restores++;
        return Promise.reject(new PyroError("template_unusable", "QEMU refused: not like this"));
      },
      boot: () => assert.fail("booted in silence"),
    },
    images: { diskPath: () => disk },
    templates: {
      find: async () => ({ memoryPath: disk, statePath: disk }),
      tryClaim: async () => ({ [Symbol.dispose]: () => undefined }),
      remove: async () => void removals++,
    },
    trace: { mark: () => undefined },
  } as unknown as MachineFactory;
  const open: number[] = [];
  const request = {
    image: { id: "" },
    lifetime: "caller",
    disk: {
      kind: "existing",
      open: () => {
        open.push(openSync(disk, "r"));
        return open.at(-1) ?? 0;
      },
    },
  } as unknown as StartRequest;
  try {
    await assert.rejects(startMachine(factory, request), {
      code: "template_unusable",
      message: "A machine that was just saved does not resume. QEMU refused: not like this",
    });
    // The one that was found, and the new one twice.
    assert.deepEqual([restores, removals, open.length], [3, 2, 3]);
    for (const fd of open) assert.throws(() => closeSync(fd), { code: "EBADF" });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
