import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { PyroHome } from "../support/home.ts";
import { TestMachine } from "../support/machine.ts";
import { until } from "../support/until.ts";

describe("a guest agent survives its guest", () => {
  let home: PyroHome;
  let machine: TestMachine;
  before(async () => {
    home = await PyroHome.warm();
    machine = await TestMachine.start(home);
  });
  after(async () => {
    await machine[Symbol.asyncDispose]();
    await home.assertNothingLeft();
    await home.dispose();
  });
  afterEach(async () => {
    assert.deepEqual(await machine.sh("echo alive"), { code: 0, output: "alive\n" });
    const { output } = await machine.sh("echo /proc/[0-9]*");
    assert.ok(output.split(" ").length < 6, `processes left in the guest: ${output}`);
  });

  it("kill -9 -1 by root", async () => {
    const { code } = await machine.sh("kill -9 -1; exit 0");
    assert.ok(code === 0 || code === "SIGKILL", String(code));
  });

  it("a fork bomb, until its time-out ends every process of it", async () => {
    const bomb = machine.sh("b() { b | b & }; b; sleep 600", 4_000);
    assert.ok(await machine.isAnswering());
    assert.match(String((await bomb).code), /^SIG(TERM|KILL)$/);
  });

  it("two thousand orphans", async () => {
    const { code } = await machine.sh(
      "perl -e 'for (1..1000) { my $p = fork // die; if (!$p) { fork; exit 0 } waitpid $p, 0 }'",
    );
    assert.equal(code, 0);
  });

  it("memory exhausted by one command", async () => {
    const { code } = await machine.sh(
      "perl -e '$x = \"x\" x (1 << 20); push @a, $x . $_ for 1..8000'",
    );
    assert.equal(code, 137);
  });

  it("memory exhausted by files in memory", async () => {
    await machine.sh("head -c 2000000000 /dev/zero > /dev/shm/full; true");
    assert.equal((await machine.sh("rm -f /dev/shm/full")).code, 0);
  });

  it("a flood on its serial console, of which the host keeps only the end", async () => {
    const line = `<0>${"x".repeat(500)}`;
    // The workload has no log device, but root can make one.
    await machine.sh(`mknod /tmp/log c 1 11; echo on > /proc/sys/kernel/printk_devkmsg
      for i in $(seq 300); do echo '${line}' > /tmp/log; done; echo '<0>last' > /tmp/log`);
    await until("the last line is out", () => machine.console.includes("last"));
    assert.match(machine.console, /x{500}/);
    assert.ok(machine.console.length <= 64 * 1024, String(machine.console.length));
  });

  it("every file it can delete deleted", async () => {
    await machine.sh("rm -rf --no-preserve-root /run/* /tmp/* /var/* /home /srv 2>/dev/null; true");
  });
});

describe("a guest's disk", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  after(async () => {
    await home.assertNothingLeft();
    await home.dispose();
  });

  it("can be filled to the last file, and the agent still answers", async () => {
    await using machine = await TestMachine.start(home);
    const { output } = await machine.sh(
      "fallocate -l 40G /workspace/full 2>&1; df --output=avail /workspace | tail -1; echo x > /workspace/more; cat /workspace/more",
    );
    assert.match(output, /No space left on device/);
    assert.deepEqual(
      await machine.sh("rm /workspace/full; echo room > /workspace/a; cat /workspace/a"),
      {
        code: 0,
        output: "room\n",
      },
    );
  });
});
