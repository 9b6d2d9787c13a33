import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Secret } from "../../../../src/model/secrets.ts";
import { LiveCredentials } from "../../../../src/workspace/supervisor/credentials/live-credentials.ts";

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "pyro-live-credentials-"));
});
after(() => rmSync(directory, { recursive: true }));

const credential = (line: string, ttlSeconds: number): Secret => ({
  ...{ name: "TOKEN", value: "", sourceKind: "command" },
  brokered: {
    ...{ hosts: ["a.example"], placeholder: "pyro_x", variables: [] },
    command: { line, ttlSeconds, env: {} },
  },
});

function live(...secrets: Secret[]) {
  const learned: string[] = [];
  const current = { secrets };
  const credentials = new LiveCredentials({
    secrets: () => current.secrets,
    learn: (name, value) => learned.push(`${name}=${value}`),
  });
  const value = () => credentials.list()[0]?.value() ?? assert.fail("there is no credential");
  return { credentials, current, learned, value };
}

test("a command's value is had once for all who ask, until it does not hold any more", async () => {
  const runs = join(directory, "runs");
  const line = `echo x >> ${runs}; echo value-$(wc -l < ${runs})`;
  const { value, learned, current } = live(credential(line, 3600));
  assert.deepEqual(await Promise.all([value(), value(), value()]), Array(3).fill("value-1"));
  assert.equal(await value(), "value-1");
  // It holds for no time at all.
  current.secrets = [credential(line, 0)];
  assert.equal(await value(), "value-2");
  assert.equal(await value(), "value-3");
  assert.deepEqual(learned, ["TOKEN=value-1", "TOKEN=value-2", "TOKEN=value-3"]);
  assert.equal(readFileSync(runs, "utf8"), "x\nx\nx\n");
});

test("a command that failed is tried again, and another one takes its place", async () => {
  const file = join(directory, "file");
  const { value, current } = live(credential(`cat ${file}`, 3600));
  await assert.rejects(value(), { code: "credential_unavailable" });
  appendFileSync(file, "first-value");
  assert.equal(await value(), "first-value");
  current.secrets = [credential("echo other-value", 3600)];
  assert.equal(await value(), "other-value");
});

test("secrets that are none, and those that cannot be read, are no credentials", () => {
  const plain: Secret = { name: "A", value: "plain-value", sourceKind: "value" };
  assert.deepEqual(live(plain).credentials.list(), []);
  const unreadable = new LiveCredentials({
    secrets: () => {
      throw new Error("damaged");
    },
    learn: () => undefined,
  });
  assert.deepEqual(unreadable.list(), []);
});
