import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { AgentClient } from "../../../../src/channel/agent-client.ts";
import type { OutputRequest } from "../../../../src/channel/shell-client.ts";
import type { ShellEvent } from "../../../../src/channel/shell-output.ts";
import { shellSource } from "../../../../src/workspace/screens/shell-source.ts";

/** An agent whose shell does what a test wants. */
function sourceOf(
  output: (request: OutputRequest) => AsyncGenerator<ShellEvent>,
  signal: AbortSignal,
) {
  const shell = { output: (_id: string, request: OutputRequest) => output(request) };
  return shellSource(() => ({ shell }) as unknown as AgentClient, "sh-00000000", signal);
}

/** Nothing comes until the request is given up. */
async function* silence({ signal }: OutputRequest): AsyncGenerator<ShellEvent> {
  yield { kind: "position", position: 0, lostBytes: 0 };
  if (!signal?.aborted)
    await new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
}

async function* oneByte(): AsyncGenerator<ShellEvent> {
  yield { kind: "position", position: 0, lostBytes: 0 };
  yield { kind: "bytes", bytes: Buffer.from("x") };
}

test("a wait ends with what comes, with its time, and with whoever asked", async () => {
  const asking = new AbortController();
  assert.equal(await sourceOf(oneByte, asking.signal).changed(0, 60_000), true);
  const silent = sourceOf(silence, asking.signal);
  assert.equal(await silent.changed(0, 1), false);
  const waiting = silent.changed(0, 60_000);
  asking.abort();
  assert.equal(await waiting, false);
  assert.equal(await silent.changed(0, 60_000), false);
});

test("thousands of waits of one reader leave nothing behind, however long each could have been", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const source = sourceOf(oneByte, new AbortController().signal);
  const heapAfter = async (waits: number) => {
    for (let wait = 0; wait < waits; wait++) await source.changed(0, 3_600_000);
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = await heapAfter(2_000);
  const grown = (await heapAfter(20_000)) - before;
  assert.ok(grown < 4 << 20, `${grown} bytes`);
});
