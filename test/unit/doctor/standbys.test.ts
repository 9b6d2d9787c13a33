import assert from "node:assert/strict";
import { test } from "node:test";
import { checkStandbys } from "../../../src/doctor/machines.ts";

test("machines that wait are told of where there are any, and how to be rid of what is left over", () => {
  assert.deepEqual(checkStandbys({ waiting: 0, stale: 0 }), []);
  assert.deepEqual(checkStandbys({ waiting: 2, stale: 0 }), [
    { name: "standbys", status: "ok", message: "2 waiting", fix: null },
  ]);
  assert.deepEqual(checkStandbys({ waiting: 1, stale: 3 }), [
    {
      name: "standbys",
      status: "warn",
      message: "3 left over by killed processes",
      fix: "pyro workspace gc",
    },
  ]);
});
