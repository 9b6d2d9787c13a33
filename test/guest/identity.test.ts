import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";

const clones = 10;

describe("guests restored from one template", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  it("share no random bytes, machine-id, host name or name of their boot, and know the time", async () => {
    const look =
      "date +%s%N; head -c 16 /dev/urandom | od -An -tx1; cat /etc/machine-id; hostname; cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id";
    const seen: string[][] = [];
    for (let round = 0; round < clones; round++) {
      const earliest = Date.now() - 1_000;
      const ended = await home.run(["sh", "-c", look], { env: { PYRO_TRACE: "1" } });
      const latest = Date.now() + 1_000;
      const [nanoseconds = "", ...identity] = ended.stdout.trim().split("\n");
      const guestTime = Number(nanoseconds) / 1e6;
      assert.ok(guestTime > earliest && guestTime < latest, `${earliest} ${guestTime} ${latest}`);
      assert.doesNotMatch(ended.stderr, /booted=/, "not restored from a template");
      seen.push(identity);
    }
    for (const [index, what] of [
      "urandom",
      "machine-id",
      "host name",
      "uuid",
      "boot_id",
    ].entries()) {
      const values = seen.map((identity) => identity[index]);
      assert.equal(new Set(values).size, clones, `${what}: ${values}`);
    }
    assert.match(seen[0]?.[1] ?? "", /^[0-9a-f]{32}$/);
  });

  it("count seconds as the host does", async () => {
    const started = home.start(
      ["run", baseEnvironment, "--", "sh", "-c", "while read line; do date +%s%N; done"],
      { openInput: true },
    );
    const guestTimes: number[] = [];
    const hostTimes: number[] = [];
    const lines = started.child.stdout[Symbol.asyncIterator]();
    const ask = async () => {
      started.child.stdin.write("now\n");
      guestTimes.push(Number(String((await lines.next()).value)) / 1e6);
      hostTimes.push(performance.now());
    };
    await ask();
    // The measure itself is an interval; nothing waits for it to be long enough.
    while ((hostTimes.at(-1) ?? 0) - (hostTimes[0] ?? 0) < 2_000) await ask();
    started.child.stdin.end();
    await started.ended;
    const span = (times: readonly number[]) => (times.at(-1) ?? 0) - (times[0] ?? 0);
    const ratio = span(guestTimes) / span(hostTimes);
    assert.ok(ratio > 0.9 && ratio < 1.1, `the guest's clock runs at ${ratio} of the host's`);
  });
});
