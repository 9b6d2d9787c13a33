import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readyCredentialNames, readyCredentials } from "../../../../src/model/credentials.ts";
import { type ProjectRules, projectRefusalHint } from "../../../../src/model/egress.ts";
import { PyroError } from "../../../../src/model/errors.ts";
import type { SecretSource } from "../../../../src/workspace/life/workspace-options.ts";
import { checkCredential } from "../../../../src/workspace/secrets/check-credential.ts";
import { newPlaceholder } from "../../../../src/workspace/secrets/placeholder.ts";
import { readSecretSources } from "../../../../src/workspace/secrets/read-sources.ts";
import { requireReachable } from "../../../../src/workspace/secrets/require-reachable.ts";

const hosts = ["api.example.com"];

async function refusal(source: SecretSource): Promise<PyroError> {
  const error = await readSecretSources([source]).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof PyroError, "it was taken");
  assert.doesNotMatch(`${error.message} ${error.hint} ${error.stack} ${error.cause}`, /canary/);
  return error;
}

test("a credential is kept with its value, its hosts in one spelling and a placeholder of its shape", async () => {
  const [secret] = await readSecretSources([
    {
      ...{ name: "TOKEN", value: "the-real-value\n" },
      credential: {
        hosts: ["API.Example.com.", "api.example.com:443", "*.example.org:8443"],
        ...{ methods: ["get"], paths: ["/v1"], placeholder: "ghp_{36}" },
      },
    },
  ]);
  const { placeholder, ...rest } = secret?.brokered ?? assert.fail("it is no credential");
  assert.equal(secret?.value, "the-real-value");
  assert.match(placeholder, /^ghp_[A-Za-z0-9]{36}$/);
  assert.deepEqual(rest, {
    hosts: ["api.example.com", "*.example.org:8443"],
    ...{ variables: ["TOKEN"], methods: ["GET"], paths: ["/v1"] },
  });
  assert.equal(new Set(Array.from({ length: 100 }, () => newPlaceholder("A"))).size, 100);
});

test("those that are ready-made are credentials as they stand", () => {
  for (const word of readyCredentialNames) {
    const { name, ...options } = readyCredentials[word];
    const { placeholder } = checkCredential(name, options);
    assert.ok(placeholder.length >= 30, word);
  }
});

test("what cannot be a credential is refused with the name and the reason", async () => {
  const value = "canary-value";
  for (const [credential, said] of [
    [{ hosts: [] }, /TOKEN names no host/],
    [{ hosts: ["a b"] }, /"a b", which is no host/],
    [{ hosts: ["https://a.example"] }, /which is no host/],
    [{ hosts: ["a.example:0"] }, /which is no host/],
    [{ hosts: ["a.example:65536"] }, /which is no host/],
    [{ hosts: ["*.com"] }, /every host below \.com/],
    [{ hosts: ["*"] }, /which is no host/],
    [{ hosts: Array.from({ length: 33 }, (_, n) => `h${n}.example`) }, /32 are the limit/],
    [{ hosts, methods: ["GET /"] }, /the method "GET \/"/],
    [{ hosts, paths: ["v1"] }, /the path "v1"/],
    [{ hosts, paths: ["/a/../b"] }, /the path "\/a\/\.\.\/b"/],
    [{ hosts, paths: ["/a?b"] }, /the path "\/a\?b"/],
    [{ hosts, variables: ["A-B"] }, /"A-B" cannot be the name of the variable/],
    [{ hosts, placeholder: "fixed" }, /has 0 random characters; 22 are the least/],
    [{ hosts, placeholder: "a b{30}" }, /other characters than/],
    [{ hosts, placeholder: "{999}" }, /512 are the limit/],
  ] as const) {
    const error = await refusal({ name: "TOKEN", value, credential });
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, said);
  }
  for (const bad of ["canary\r\nx: y", "canary\u0001", "canäry-canary"])
    assert.match(
      (await refusal({ name: "TOKEN", value: bad, credential: { hosts } })).message,
      /which no request can carry/,
    );
});

test("a command is kept instead of what it prints, and is run once to see that it works", async () => {
  const command = "printf canary-%s value";
  const [secret] = await readSecretSources([{ name: "TOKEN", command, credential: { hosts } }]);
  assert.equal(secret?.value, "");
  assert.equal(secret?.sourceKind, "command");
  assert.deepEqual(
    [secret?.brokered?.command?.line, secret?.brokered?.command?.ttlSeconds],
    [command, 900],
  );
  assert.ok(secret?.brokered?.command?.env.PATH);
  assert.match(
    (await refusal({ name: "TOKEN", command })).message,
    /printed by a command, but is no credential/,
  );
  for (const ttlSeconds of [0, Number.NaN, 1e6])
    assert.match(
      (await refusal({ name: "TOKEN", command, ttlSeconds, credential: { hosts } })).hint ?? "",
      /1 to 86400/,
    );
});

test("a command that prints no value is told of without a word of what it printed", async () => {
  for (const [command, said] of [
    ["echo canary >&2; exit 3", /failed/],
    ["printf canary-canary; exit 3", /failed/],
    ["true", /printed nothing/],
    ["echo can", /printed too little/],
    ["printf 'canary\\ncanary\\n'", /more than one line/],
    ["head -c 70000 /dev/zero | tr '\\0' c", /printed too much/],
    ["canary-no-such-program", /failed/],
    ["'canary", /failed/],
  ] as const) {
    const error = await refusal({ name: "TOKEN", command, credential: { hosts } });
    assert.equal(error.code, "credential_unavailable");
    assert.match(error.message, said);
  }
});

test("a command's line is in no process' arguments, and it has no variable that pyro made for it", async () => {
  const line = 'set -- "$(tr "\\0" " " </proc/$$/cmdline)"; echo "<$1><$PYRO_CREDENTIAL_COMMAND>" ';
  const { runCredentialCommand } = await import(
    "../../../../src/workspace/supervisor/credentials/credential-command.ts"
  );
  const seen = await runCredentialCommand("TOKEN", { line: `${line} # canary`, env: {} });
  assert.match(seen, /^<sh -c .*><>$/);
  assert.doesNotMatch(seen, /canary/);
  assert.ok(readFileSync("/proc/self/cmdline").length > 0);
});

test("a credential lets nobody out: hosts that are not reached anyway are refused, with what allows them", async () => {
  const secrets = await readSecretSources([
    {
      name: "TOKEN",
      value: "some-value",
      credential: { hosts: ["a.example.com:8443", "*.b.example"] },
    },
  ]);
  const check = (
    isOut: boolean,
    preset: "open" | "none",
    rules: string[],
    project: ProjectRules | null = null,
  ) =>
    requireReachable(secrets, {
      isOut,
      policy: { preset, rules, ownRegistries: [], temporaryRules: [], project },
      hintOut: "OUT",
      allow: (target) => `ALLOW ${target}`,
    });
  await check(true, "open", []);
  await check(true, "none", ["allow a.example.com:8443", "allow *.b.example"]);
  await check(true, "open", [], { only: ["*.example.com:8443", "*.b.example"], deny: [] });
  for (const [work, hint] of [
    [check(false, "open", []), "OUT"],
    [check(true, "none", []), "ALLOW a.example.com:8443"],
    [check(true, "none", ["allow a.example.com:443"]), "ALLOW a.example.com:8443"],
    [check(true, "none", ["allow a.example.com"]), "ALLOW *.b.example"],
    [check(true, "open", ["deny *.b.example"]), "ALLOW *.b.example"],
    [check(true, "open", [], { only: ["*.b.example"], deny: [] }), projectRefusalHint],
    [check(true, "none", [], { only: null, deny: ["a.example.com"] }), projectRefusalHint],
  ] as const)
    await assert.rejects(work, { code: "invalid_argument", hint });
});
