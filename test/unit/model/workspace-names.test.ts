import assert from "node:assert/strict";
import { test } from "node:test";
import { PyroError } from "../../../src/model/errors.ts";
import { checkName } from "../../../src/model/workspace-names.ts";

test("a workspace's name is never what another's id may be", () => {
  for (const name of ["ws-0123456789ab", "ws-", "vm-1", "ws-mine"])
    assert.throws(
      () => checkName(name, "workspace"),
      (error: unknown) =>
        error instanceof PyroError &&
        error.code === "invalid_argument" &&
        error.message.includes(`"${name}"`) &&
        /ws- or vm-/.test(error.hint ?? ""),
    );
  for (const name of ["ws", "wsx", "vm", "my-ws-1"])
    assert.equal(checkName(name, "workspace"), name);
  assert.equal(checkName("ws-1", "snapshot"), "ws-1");
});
