import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isForHost } from "../../../../src/network/broker/credential-hosts.ts";

describe("which connections a credential is for", () => {
  const cases = [
    ["api.example", "api.example", 443, true],
    ["api.example", "api.example", 80, false],
    ["api.example", "api.example", 8443, false],
    ["api.example:8443", "api.example", 8443, true],
    ["api.example:8443", "api.example", 443, false],
    ["api.example", "www.api.example", 443, false],
    ["api.example", "api.example.evil.test", 443, false],
    ["api.example", "evilapi.example", 443, false],
    ["*.api.example", "www.api.example", 443, true],
    ["*.api.example", "a.b.api.example", 443, true],
    ["*.api.example", "api.example", 443, false],
    ["*.api.example", "evilapi.example", 443, false],
    ["*.api.example:8443", "www.api.example", 8443, true],
    ["*.api.example:8443", "www.api.example", 443, false],
  ] as const;
  for (const [entry, host, port, isFor] of cases)
    it(`${entry} is ${isFor ? "" : "not "}for ${host}:${port}`, () => {
      assert.equal(isForHost({ hosts: ["other.test", entry] }, host, port), isFor);
    });
});
