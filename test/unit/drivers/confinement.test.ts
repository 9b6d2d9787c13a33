import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Allowance,
  assertConfined,
  readConfinement,
} from "../../../src/drivers/confinement.ts";
import { jailIdentity } from "../../../src/drivers/jail.ts";

const nothing: Allowance = {
  readable: [],
  writable: [],
  sockets: [],
  listeners: [],
  readOnlyFiles: [],
  filterCount: 1,
};

test("a process without walls is refused, and every missing wall is named", () => {
  const found = readConfinement(process.pid);
  assert.equal(found.ownNamespaces && found.filterCount > 0, false);
  assert.throws(
    () => assertConfined(process.pid, nothing),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "jail_breached");
      for (const [missing, words] of [
        [found.filterCount === 0, "no system call filter"],
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

test("the identity of monitors started by root is nobody else's", (context) => {
  if (process.getuid?.() !== 0) return context.skip("only root gives monitors another identity");
  const { uid = 0, gid = 0 } = jailIdentity();
  // Above people, packages, subordinate ids' owners and homed's users; below systemd's dynamic users.
  for (const id of [uid, gid]) assert.ok(id >= 60_578 && id <= 61_183, String(id));
});
