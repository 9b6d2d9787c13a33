import assert from "node:assert/strict";
import { test } from "node:test";
import { assertConfined, readConfinement } from "../../../src/drivers/jail.ts";

test("a process without walls is refused, and every missing wall is named", () => {
  const found = readConfinement(process.pid);
  assert.equal(found.ownNamespaces && found.seccompFilter, false);
  assert.throws(
    () => assertConfined(process.pid),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "jail_breached");
      for (const [missing, words] of [
        [!found.seccompFilter, "no system call filter"],
        [!found.noNewPrivileges, "may gain privileges"],
        [found.capabilities !== 0n, `capabilities ${found.capabilities.toString(16)}`],
        [found.uid === 0, "runs as root"],
        [!found.ownNamespaces, "shares the host's process namespace"],
      ] as const)
        assert.equal(error.message.includes(words), missing, words);
      return true;
    },
  );
});
