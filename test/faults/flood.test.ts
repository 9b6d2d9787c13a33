import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { findMonitor } from "../support/host-processes.ts";
import { until } from "../support/until.ts";

const gibibyte = 1024 ** 3;
const mebibyte = 1024 ** 2;
/** What pyro may hold of a flood in memory, above what it needs anyway. */
const growthMax = 64 * mebibyte;

describe("a guest that floods its output", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  it("is held back by a reader that stalls, and pyro's memory stays small", async () => {
    const started = home.start(
      ["run", baseEnvironment, "--", "head", "-c", String(gibibyte), "/dev/zero"],
      { ownStdout: true },
    );
    // One look at the output starts the flood; then nobody reads.
    await once(started.child.stdout, "readable");
    const before = residentBytes(started.pid);
    const monitor = await findMonitor(home.stateDirectory);
    await until("nothing moves any more", stalled(started.pid));
    const after = residentBytes(started.pid);
    assert.ok(after - before < growthMax, `grew from ${before} to ${after} bytes`);
    assert.ok(residentBytes(monitor) < gibibyte, "the monitor buffers the flood");
    // Still the same command, and still willing.
    assert.equal(started.child.exitCode, null);
    started.signal("SIGINT");
    started.child.stdout.resume();
    assert.equal((await started.ended).code, 130);
  });

  it("loses nothing to a reader that stalls for a while", async () => {
    const length = 24 * mebibyte;
    const started = home.start(
      ["run", baseEnvironment, "--", "sh", "-c", `head -c ${length} /dev/zero; echo end`],
      { ownStdout: true },
    );
    await once(started.child.stdout, "readable");
    await until("nothing moves any more", stalled(started.pid));
    const bytes = Buffer.concat(
      await Array.fromAsync(started.child.stdout as AsyncIterable<Buffer>),
    );
    assert.equal(bytes.length, length + 4);
    assert.equal(bytes.toString("latin1", length), "end\n");
    assert.equal((await started.ended).code, 0);
  });
});

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Answers true once pyro has read and written nothing for a row of looks. */
function stalled(pid: number): () => boolean {
  let last = "";
  let same = 0;
  return () => {
    const now = readFileSync(`/proc/${pid}/io`, "latin1").replace(/^(?!rchar|wchar).*\n/gm, "");
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 25;
  };
}
