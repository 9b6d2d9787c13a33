import assert from "node:assert/strict";
import { resolve } from "node:path";
import { after, test } from "node:test";
import { patience, supervisorEnvironment } from "../../../src/platform/config.ts";

const names = [
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GITHUB_TOKEN",
  "PYRO_PATIENCE",
] as const;
const before = names.map((name) => [name, process.env[name]] as const);
after(() => {
  for (const [name, value] of before)
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

const config = { cacheDirectory: "/cache", stateDirectory: "/state", logBytesMax: 1 << 20 };

test("a supervisor trusts whom its user trusts, and has nothing else of his", () => {
  for (const name of names) delete process.env[name];
  const bare = supervisorEnvironment(config as Parameters<typeof supervisorEnvironment>[0]);
  assert.ok(names.every((name) => !(name in bare)));
  Object.assign(process.env, {
    NODE_EXTRA_CA_CERTS: "company.pem",
    SSL_CERT_FILE: "/etc/company.pem",
    SSL_CERT_DIR: "/etc/certs:more",
    GITHUB_TOKEN: "secret",
  });
  const { GITHUB_TOKEN, ...trusting } = supervisorEnvironment(
    config as Parameters<typeof supervisorEnvironment>[0],
  );
  assert.equal(GITHUB_TOKEN, undefined);
  assert.deepEqual(trusting, {
    ...bare,
    NODE_EXTRA_CA_CERTS: resolve("company.pem"),
    SSL_CERT_FILE: "/etc/company.pem",
    SSL_CERT_DIR: `/etc/certs:${resolve("more")}`,
  });
});

test("a supervisor is as patient as whoever starts it, which a number says", () => {
  const environment = () =>
    supervisorEnvironment(config as Parameters<typeof supervisorEnvironment>[0]).PYRO_PATIENCE;
  delete process.env.PYRO_PATIENCE;
  assert.deepEqual([environment(), patience()], [undefined, 1]);
  process.env.PYRO_PATIENCE = "4";
  assert.deepEqual([environment(), patience()], ["4", 4]);
  process.env.PYRO_PATIENCE = "long";
  assert.throws(patience, { code: "invalid_argument", message: /PYRO_PATIENCE .* is "long"/ });
});
