import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Secret } from "../../../../src/model/secrets.ts";
import { KeptSecrets } from "../../../../src/workspace/records/kept-secrets.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pyro-kept-secrets-"));
  path = join(directory, "secrets.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

const secret = (name: string, value: string): Secret => ({ name, value, sourceKind: "value" });

test("secrets are in one file for their user alone, which goes with the last of them", () => {
  const kept = new KeptSecrets(path);
  assert.deepEqual(kept.list(), []);
  kept.change({ set: [secret("A", "value-a"), secret("B", "value-b")], remove: [] });
  assert.deepEqual(readdirSync(directory), ["secrets.json"]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(new KeptSecrets(path).list(), kept.list());
  kept.change({ set: [secret("A", "other-a")], remove: ["B"] });
  assert.deepEqual(kept.list(), [secret("A", "other-a")]);
  kept.change({ set: [], remove: ["A"] });
  assert.equal(existsSync(path), false);
});

test("what another process changed is seen, and what was known before is still found in output", () => {
  const one = new KeptSecrets(path);
  one.change({ set: [secret("A", "first-value")], remove: [] });
  new KeptSecrets(path).change({ set: [secret("A", "second-value")], remove: [] });
  assert.equal(one.values().redactText("first-value second-value"), "[REDACTED:A] [REDACTED:A]");
  new KeptSecrets(path).change({ set: [], remove: ["A"] });
  assert.deepEqual(one.list(), []);
  assert.equal(one.values().redactText("first-value second-value"), "[REDACTED:A] [REDACTED:A]");
});

test("commands get values without a file's last line break, by the names they ask for", () => {
  const kept = new KeptSecrets(path);
  kept.change({ set: [secret("API_TOKEN", "value\n"), secret("KEY", "two\nlines\n")], remove: [] });
  assert.deepEqual(kept.environment({ API_TOKEN: "TOKEN", KEY: "KEY" }), [
    "TOKEN=value",
    "KEY=two\nlines",
  ]);
  const unknown = { code: "secret_not_found", hint: "Did you mean API_TOKEN?" };
  assert.throws(() => kept.environment({ API_TOKN: "TOKEN" }), unknown);
  assert.throws(() => kept.change({ set: [], remove: ["API_TOKN"] }), unknown);
  assert.throws(() => kept.environment({ KEY: "A=B" }), { code: "invalid_argument" });
});

test("a file that is damaged is named and not quoted", () => {
  for (const text of ["canary", '{"version":1,"secrets":[{"name":"A","value":"can"}]}', "{}"]) {
    writeFileSync(path, text);
    assert.throws(
      () => new KeptSecrets(path).list(),
      ({ code, message, cause }: Error & { code?: string }) =>
        code === "secrets_unreadable" &&
        message.includes(path) &&
        !message.includes("canary") &&
        cause === undefined,
    );
    assert.equal(new KeptSecrets(path).knownValues().isEmpty, true);
  }
});

const ca = { certificatePem: "certificate", keyPem: "key" };
const credential: Secret = {
  ...{ name: "C", value: "value-of-c", sourceKind: "file" },
  brokered: { hosts: ["a.example"], placeholder: "placeholder-c", variables: ["C"] },
};

test("commands have a credential's placeholder, and output is searched for its value", () => {
  const kept = new KeptSecrets(path);
  kept.change({ set: [credential], remove: [], ca });
  assert.deepEqual(kept.environment({ C: "X" }), ["X=placeholder-c"]);
  assert.equal(kept.values().redactText("value-of-c placeholder-c"), "[REDACTED:C] placeholder-c");
  kept.learn("C", "value-of-a-command");
  assert.equal(kept.values().redactText("value-of-a-command"), "[REDACTED:C]");
  assert.deepEqual(kept.told(), [
    {
      ...{ name: "C", sourceKind: "file" },
      credential: { hosts: ["a.example"], methods: null, paths: null, variables: ["C"] },
    },
  ]);
});

test("a workspace keeps its first certificate authority, also without its credentials", () => {
  const kept = new KeptSecrets(path);
  kept.change({ set: [credential], remove: [], ca });
  kept.change({ set: [credential], remove: [], ca: { certificatePem: "other", keyPem: "other" } });
  assert.deepEqual(new KeptSecrets(path).ca(), ca);
  kept.change({ set: [], remove: ["C"] });
  assert.deepEqual([new KeptSecrets(path).list(), new KeptSecrets(path).ca()], [[], ca]);
});

test("a file with credentials is none for whoever would give their values away", () => {
  new KeptSecrets(path).change({ set: [credential], remove: [], ca });
  const document = JSON.parse(readFileSync(path, "utf8"));
  assert.equal(document.version, 2);
  for (const brokered of [{}, { ...credential.brokered, hosts: "a.example" }, null, "x"]) {
    const secrets = [{ ...credential, brokered }];
    writeFileSync(path, JSON.stringify({ ...document, secrets }));
    assert.throws(() => new KeptSecrets(path).list(), { code: "secrets_unreadable" });
  }
});
