import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PyroError } from "../../../../src/model/errors.ts";
import type { SecretSource } from "../../../../src/workspace/life/workspace-options.ts";
import { readSecretSources } from "../../../../src/workspace/secrets/read-sources.ts";

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "pyro-secret-sources-"));
  process.env.PYRO_TEST_CANARY = "canary-of-the-environment";
});
after(() => {
  delete process.env.PYRO_TEST_CANARY;
  rmSync(directory, { recursive: true });
});

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};

async function refusal(...sources: SecretSource[]): Promise<string> {
  const error = await readSecretSources(sources).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof PyroError, "it was taken");
  assert.equal(error.code, "invalid_argument");
  const said = `${error.message} ${error.hint ?? ""} ${error.stack}`;
  assert.doesNotMatch(said, /canary/);
  return `${error.message} ${error.hint ?? ""}`;
}

test("secrets come from the caller's words, a file, a pipe or a variable, byte for byte", async () => {
  const pipe = join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  execFileSync("sh", ["-c", 'printf "from the pipe" > "$0" &', pipe], { stdio: "ignore" });
  assert.deepEqual(
    await readSecretSources([
      { name: "A", value: "two\nlines\n" },
      { name: "B", path: file("b", "from a file\r\n") },
      { name: "C", path: pipe },
      { name: "D", variable: "PYRO_TEST_CANARY" },
      { name: "E", path: file("e", "x".repeat(65_536)) },
    ]),
    [
      { name: "A", value: "two\nlines\n", sourceKind: "value" },
      { name: "B", value: "from a file\r\n", sourceKind: "file" },
      { name: "C", value: "from the pipe", sourceKind: "file" },
      { name: "D", value: "canary-of-the-environment", sourceKind: "env" },
      { name: "E", value: "x".repeat(65_536), sourceKind: "file" },
    ],
  );
});

test("what cannot be a secret is refused with the name, the reason and the way out, and never quoted", async () => {
  const missing = join(directory, "missing");
  const cases: [SecretSource, RegExp][] = [
    [{ name: "A", path: missing }, /^The file \S+missing of the secret A cannot be read: ENOENT/],
    [{ name: "A", path: directory }, /of the secret A cannot be read: EISDIR/],
    [{ name: "A", path: "" }, /of the secret A cannot be read: ENOENT/],
    [
      { name: "A", variable: "PYRO_TEST_CANRY" },
      /^The environment variable PYRO_TEST_CANRY for the secret A is not set\..*PYRO_TEST_CANARY/,
    ],
    [{ name: "A", variable: "NO_SUCH_VARIABLE_ANYWHERE" }, /is not set\. Export it first\.$/],
    [{ name: "A", value: "can" }, /has 3 bytes .*4 are the least.* shorter/],
    [{ name: "A", path: file("empty", "") }, /has 0 bytes/],
    [{ name: "A", path: "/dev/zero" }, /has 65537 bytes; 65536 are the limit/],
    [{ name: "A", path: file("long", "canary".repeat(11_000)) }, /65536 are the limit/],
    [{ name: "A", path: file("latin1", Buffer.from("canary\xe9", "latin1")) }, /UTF-8.*base64/],
    [{ name: "A", path: file("nul", "canary\0") }, /contains a NUL/],
    [{ name: "A-B", value: "canary" }, /"A-B" cannot be the name.*Use letters/],
    [{ name: "../A", value: "canary" }, /"\.\.\/A" cannot be the name/],
    [{ name: "1A", value: "canary" }, /"1A" cannot be the name/],
    [{ name: "", value: "canary" }, /"" cannot be the name/],
    [{ name: "A".repeat(128), value: "canary" }, /cannot be the name.*127 at most/],
  ];
  for (const [source, said] of cases) assert.match(await refusal(source), said);
  const twice = { name: "A", value: "canary" };
  assert.match(await refusal(twice, { ...twice }), /A is given twice/);
});
