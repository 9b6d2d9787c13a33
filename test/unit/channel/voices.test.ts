import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { AgentClient } from "../../../src/channel/agent-client.ts";
import { serveAgent } from "../../support/lying-agent.ts";

const refusal = (code: string) =>
  JSON.stringify({ error: { code, message: "said \u001b[2J", hint: "Run: true" } });

/** What a call fails with whose other end answers 599 with `code`. */
async function failure(code: string, options?: { isSupervisor: boolean }): Promise<object> {
  const [ours, theirs] = duplexPair();
  serveAgent(theirs, (stream) => {
    stream.respond({ ":status": 599 });
    stream.end(refusal(code));
  });
  ours.write("attach\n");
  await new Promise((resolve) => ours.once("readable", resolve));
  ours.read();
  using client = AgentClient.connectAttached(ours, options);
  return await client.tree.mark().then(
    () => assert.fail("it succeeded"),
    ({ code, message, hint }: { code: string; message: string; hint?: string }) => ({
      code,
      message,
      hint,
    }),
  );
}

test("a supervisor's refusals are errors of ours", async () => {
  assert.deepEqual(await failure("workspace_lost", { isSupervisor: true }), {
    code: "workspace_lost",
    message: "said \u001b[2J",
    hint: "Run: true",
  });
});

test("a guest that answers as supervisors do is a guest that refuses", async () => {
  assert.deepEqual(await failure("workspace_lost"), {
    code: "guest_exec_failed",
    message: "The guest agent refused (502): workspace_lost: said \\x1b[2J",
    hint: undefined,
  });
});

test("a name that every object has is no code", async () => {
  const { code } = (await failure("constructor", { isSupervisor: true })) as { code: string };
  assert.equal(code, "guest_exec_failed");
});
