import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSecretName, checkSecrets, checkSecretValue } from "../../../src/model/secrets.ts";

test("names of secrets are those of environment variables", () => {
  for (const name of ["TOKEN", "_x1", "a"]) assert.equal(checkSecretName(name, "a secret"), name);
  for (const name of ["", "A=B", "1A", "A\0", "A B", "../A", "A\n", "é", "A".repeat(128)])
    assert.throws(() => checkSecretName(name, "a secret"), { code: "invalid_argument" }, name);
});

test("a value is text of 4 bytes to 64 KiB, and no error quotes one", () => {
  assert.equal(checkSecretValue("A", "line\nline"), "line\nline");
  assert.equal(checkSecretValue("A", "x".repeat(65_536)).length, 65_536);
  const refused: [string | Uint8Array, RegExp][] = [
    ["x".repeat(65_537), /has 65537 bytes; 65536 are the limit/],
    ["canary\0", /contains a NUL/],
    [Buffer.from([0x63, 0x61, 0x6e, 0x61, 0xff]), /is not UTF-8/],
    ["cana\ud800", /is not UTF-8/],
    ["can", /has 3 bytes beside line breaks; 4 are the least/],
    ["can\n\r\n", /has 3 bytes beside line breaks/],
    ["", /has 0 bytes/],
  ];
  for (const [value, message] of refused)
    assert.throws(
      () => checkSecretValue("TOKEN", value),
      (error: Error) => message.test(error.message) && !/cana|xxx/.test(error.message),
    );
});

test("a workspace has so many secrets, each name once, and so many bytes of them", () => {
  const secret = (name: string, value = "value") => ({ name, value, sourceKind: "value" as const });
  const many = Array.from({ length: 65 }, (_, index) => secret(`S${index}`));
  assert.equal(checkSecrets(many.slice(1)).length, 64);
  assert.throws(() => checkSecrets(many), /65 secrets; 64 are the limit/);
  assert.throws(() => checkSecrets([secret("A"), secret("A")]), /A is given twice/);
  const large = many.slice(0, 5).map(({ name }) => secret(name, "x".repeat(65_536)));
  assert.throws(() => checkSecrets(large), /327680 bytes together; 262144 are the limit/);
});
