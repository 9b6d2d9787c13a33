import assert from "node:assert/strict";
import { resolve } from "node:path";
import { after, test } from "node:test";
import { supervisorEnvironment } from "../../../src/platform/config.ts";

const names = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "GITHUB_TOKEN"] as const;
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
