import assert from "node:assert/strict";
import { it } from "node:test";
import { checkName, idPrefixes } from "../../../src/model/workspace-names.ts";
import { absentWorkspace } from "../../../src/preloaded.ts";

it("what a waiting command line practises on can be nobody's workspace", () => {
  assert.throws(() => checkName(absentWorkspace, "workspace"), { code: "invalid_argument" });
  // The beginning of an id is enough to name a workspace.
  const [first = ""] = absentWorkspace.slice(idPrefixes.workspace.length);
  assert.doesNotMatch(first, /^[0-9a-f]?$/);
});
