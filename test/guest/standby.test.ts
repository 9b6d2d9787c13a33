import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { StandbyEnded, StandbyStatus } from "../../src/index.ts";
import { newIdentity } from "../../src/workspace/machines/activation.ts";
import { writeSettings } from "../../src/workspace/standby/standby-settings.ts";
import { baseEnvironment } from "../support/home.ts";
import { assertNoProcessLeft } from "../support/oracle.ts";
import { TestStandbys } from "../support/standbys.ts";
import { until } from "../support/until.ts";

/** `STANDBY_CLAIMS=200` looks at as many machines. */
const claims = Number(process.env.STANDBY_CLAIMS ?? 12);
const hourMs = 3_600_000;

describe("a machine that waits", () => {
  let place: TestStandbys;
  before(async () => {
    place = await TestStandbys.open();
  });
  afterEach(() => place.endAll());
  after(() => place[Symbol.asyncDispose]());

  it("is the next command's, and no other's after that", async () => {
    await place.keep();
    const { record } = place.only;
    const first = await place.run(["sh", "-c", "hostname; touch /tmp/seen; ls /tmp"]);
    assert.match(first.stdout, /^pyro-[0-9a-f]{8}\nseen\n$/, first.stderr);
    assert.equal(first.isClaimed, true);
    assert.equal(place.waiting.length, 0);
    await place.assertNothingHeld();
    const second = await place.run(["ls", "/tmp"]);
    assert.deepEqual([second.stdout, second.isClaimed], ["", false]);
    assert.equal(record.keeper, "test");
  });

  it("is nobody's who asks for another size", async () => {
    await place.keep();
    const { name } = place.only;
    for (const flags of [
      ["--mem-mib", "512"],
      ["--vcpu-count", "2"],
      ["--cpu", "v3"],
    ]) {
      const { code, isClaimed, stderr } = await place.run(["true"], { flags });
      assert.deepEqual([code, isClaimed], [0, false], stderr);
    }
    assert.equal(place.only.name, name);
  });

  it("reaches nothing unless the command that has it may", async () => {
    const reach = ["bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/9 || exit 7"];
    await place.keep();
    const off = await place.run(reach);
    assert.deepEqual([off.code, off.isClaimed], [7, true], off.stderr);
    assert.match(off.stderr, /Network is unreachable/);
    await place.keep();
    const denied = await place.run(reach, { flags: ["--network", "--deny-host", "192.0.2.1"] });
    // It gets as far as pyro, which refuses.
    assert.match(denied.stderr, /^denied: 192\.0\.2\.1:9/m);
    assert.equal(denied.isClaimed, true);
  });

  it("has nothing of what it did while it waited", async () => {
    const look =
      "find / -xdev \\( -path /proc -o -path /sys \\) -prune -o -printf '%p %y %m %u %s %l\\n' | sort; find /tmp /run /dev/shm /var/tmp; env | sort; id; ulimit -a; ls /proc | grep -cE '^[0-9]+$'";
    const restored = await place.run(["sh", "-c", look]);
    await place.keep();
    const claimed = await place.run(["sh", "-c", look]);
    assert.deepEqual([restored.isClaimed, claimed.isClaimed], [false, true]);
    assert.ok(restored.stdout.split("\n").length > 1000);
    assert.equal(claimed.stdout, restored.stdout);
  });

  it("knows the time, however far behind its clock is", async () => {
    await place.keep();
    const real = Date.now;
    try {
      Date.now = () => real() - 5 * hourMs;
      await place.tamper(place.only, (client) => client.renew(newIdentity("standby")));
    } finally {
      Date.now = real;
    }
    const earliest = Date.now() - 1_000;
    const { stdout, isClaimed } = await place.run(["date", "+%s%N"]);
    const seen = Number(stdout) / 1e6;
    assert.ok(seen > earliest && seen < Date.now() + 1_000, `${earliest} ${seen}`);
    assert.equal(isClaimed, true);
  });

  it(`shares nothing with ${claims} others that is to be its own`, async () => {
    const look =
      "date +%s%N; head -c 16 /dev/urandom | od -An -tx1; cat /etc/machine-id; hostname; cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id; bash -c 'echo $RANDOM$RANDOM$RANDOM$SRANDOM'; mktemp -u XXXXXXXXXXXX";
    const seen: string[][] = [];
    while (seen.length < claims) {
      const count = Math.min(4, claims - seen.length);
      assert.equal(await place.keep({ count }), null);
      const runs = Array.from({ length: count }, async () => {
        const earliest = Date.now() - 1_000;
        const { stdout, stderr, isClaimed } = await place.run(["sh", "-c", look]);
        assert.equal(isClaimed, true, stderr);
        const [nanoseconds, ...identity] = stdout.trim().split("\n");
        const guestTime = Number(nanoseconds) / 1e6;
        assert.ok(guestTime > earliest && guestTime < Date.now() + 1_000, `${guestTime}`);
        seen.push(identity);
      });
      await Promise.all(runs);
    }
    const names = ["urandom", "machine-id", "host name", "uuid", "boot_id", "RANDOM", "mktemp"];
    for (const [index, what] of names.entries())
      assert.equal(new Set(seen.map((identity) => identity[index])).size, claims, what);
  });

  it("is kept by the command line, which says what it costs and ends it", async () => {
    const env = { PYRO_STANDBY: "" };
    const pyro = async <T>(...args: string[]) => {
      const { stdout, stderr, code } = await place.home.pyro([...args, "--json"], { env });
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as T;
    };
    type Wire<T> = { [K in keyof T]: T[K] } & Record<string, unknown>;
    const on = await pyro<Wire<StandbyStatus>>("standby", "on", baseEnvironment);
    assert.deepEqual(
      [on.is_on, on.environment, on.count, on.held_back],
      [true, baseEnvironment, 1, null],
    );
    assert.equal(on.standbys.length, 1);
    const [cost] = on.standbys as unknown as Record<string, number | string>[];
    assert.ok(Number(cost?.pss_bytes) > 1e6, JSON.stringify(cost));
    const before = place.only.name;
    // Taken, and made up for by whoever took it.
    assert.equal((await place.run(["true"], { env })).isClaimed, true);
    await until("another one waits", () => place.waiting.length === 1, 3_000);
    assert.notEqual(place.only.name, before);
    const off = await pyro<Wire<StandbyEnded>>("standby", "off");
    assert.equal(off.ended_count, 1);
    assert.equal((await place.run(["true"], { env })).isClaimed, false);
    const status = await pyro<Wire<StandbyStatus>>("standby", "status");
    assert.deepEqual([status.is_on, status.standbys], [false, []]);
  });

  it("is not made ready once its user has turned it off", async () => {
    await place.keep();
    await writeSettings(place.host.standbys, { environment: null, count: 1, idleSeconds: 900 });
    // Whoever makes another one ready waits for an idle core first.
    assert.equal((await place.run(["true"], { env: { PYRO_STANDBY: "" } })).isClaimed, true);
    await place.home.pyro(["standby", "off"]);
    await assertNoProcessLeft({ sessions: [], directories: [place.home.stateDirectory] });
    assert.equal(place.waiting.length, 0);
  });
});
