import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { PyroHome } from "../support/home.ts";

// What programs take for granted of a machine, and containers give them.

describe("an ordinary program in Debian 13", () => {
  const environment = "debian:13";
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm(environment);
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  const sh = async (script: string) => {
    const ended = await home.pyro(["run", environment, "--", "sh", "-c", script]);
    assert.deepEqual([ended.stderr, ended.code], ["", 0]);
    return ended.stdout.trimEnd().split("\n");
  };

  it("finds its own name and localhost", async () => {
    const [own, resolved, ...localhost] = await sh(
      "hostname -i; getent hosts $(hostname); getent ahosts localhost",
    );
    assert.equal(own, "127.0.1.1");
    assert.match(resolved ?? "", /^127\.0\.1\.1 +pyro-[0-9a-f]+$/);
    for (const address of [/^::1 /, /^127\.0\.0\.1 /])
      assert.ok(
        localhost.some((line) => address.test(line)),
        localhost.join("\n"),
      );
  });

  it("knows every time zone, speaks UTF-8, and no server of the host that built it", async () => {
    const look = "TZ=US/Pacific date -d @0 +%z; locale charmap";
    assert.deepEqual(await sh(`${look}; ls /etc/resolv.conf 2>/dev/null | wc -l`), [
      "-0800",
      "UTF-8",

      "0",
    ]);
  });

  it("may watch, map and open as much as file watchers and databases do", async () => {
    const settings = [
      "fs/inotify/max_user_watches",
      "fs/inotify/max_user_instances",
      "vm/max_map_count",
      "fs/aio-max-nr",
    ];
    const values = await sh(
      `cd /proc/sys; cat ${settings.join(" ")}; ulimit -Hn; df --output=size /dev/shm | tail -1`,
    );
    const least = [524_288, 1_024, 262_144, 1_048_576, 524_288, 400_000];
    for (const [index, value] of values.entries())
      assert.ok(Number(value) >= (least[index] ?? 0), `${settings[index]}: ${value}`);
  });

  it("learns at once that there is no network", async () => {
    const ended = await home.pyro([
      ...["run", environment, "--timeout-seconds", "25", "--"],
      ...["sh", "-c", "env | grep -c -e RETR -e _retries; curl -s http://registry.invalid/"],
    ]);
    assert.deepEqual([ended.stdout, ended.code], ["7\n", 6]);
  });
});
