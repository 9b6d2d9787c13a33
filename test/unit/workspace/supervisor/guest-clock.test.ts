import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentClient } from "../../../../src/channel/agent-client.ts";
import { GuestClock } from "../../../../src/workspace/supervisor/guest-clock.ts";

test("a guest's clock is kept every minute, and at once after the host's has jumped", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 100_000_000 });
  let nowMs = 5_000;
  t.mock.method(performance, "now", () => nowMs);
  let corrections = 0;
  const client = {
    correctClock: async () => {
      corrections++;
    },
  } as unknown as AgentClient;
  const clock = new GuestClock();
  /** Both clocks go on, as they do while the host is awake. */
  const pass = (ms: number) => {
    nowMs += ms;
    t.mock.timers.setTime(Date.now() + ms);
    clock.keep(client);
    return corrections;
  };
  assert.equal(pass(5_000), 0);
  assert.equal(pass(54_000), 0);
  assert.equal(pass(1_000), 1);
  assert.equal(pass(5_000), 1);
  // A sleep of an hour, which only the wall clock knows of.
  t.mock.timers.setTime(Date.now() + 3_600_000);
  assert.equal(pass(5_000), 2);
  assert.equal(pass(5_000), 2);
  // Somebody sets it back.
  t.mock.timers.setTime(Date.now() - 7_200_000);
  assert.equal(pass(0), 3);
  // While there is no agent nothing is taken for done.
  t.mock.timers.setTime(Date.now() + 7_200_000);
  clock.keep(undefined);
  assert.equal(pass(0), 4);
});
