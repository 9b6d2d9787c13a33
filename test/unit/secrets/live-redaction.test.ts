import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveRedaction } from "../../../src/secrets/live-redaction.ts";
import { SecretValues } from "../../../src/secrets/redaction.ts";

test("what waits for more is shown when nothing more comes: little at once, much only after a while", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const values = new SecretValues([{ name: "TOKEN", value: "secret-value" }]);
  const shown: string[] = [];
  using live = new LiveRedaction(
    () => values,
    (bytes) => shown.push(bytes.toString()),
  );
  assert.equal(live.push(Buffer.from("user: s")).toString(), "user: ");
  t.mock.timers.tick(30);
  assert.deepEqual(shown, ["s"]);
  assert.equal(live.push(Buffer.from("\nsecret")).toString(), "\n");
  t.mock.timers.tick(1_900);
  assert.deepEqual(shown, ["s"]);
  // Whoever writes a value bit by bit gets no more time by it.
  assert.equal(live.push(Buffer.from("-value!")).toString(), "[REDACTED:TOKEN]!");
  assert.equal(live.push(Buffer.from("secret-")).toString(), "");
  t.mock.timers.tick(2_000);
  assert.deepEqual(shown, ["s", "secret-"]);
  assert.equal(live.push(Buffer.from("se")).toString(), "");
  assert.equal(live.end().toString(), "se");
  t.mock.timers.tick(5_000);
  assert.equal(shown.length, 2);
});
