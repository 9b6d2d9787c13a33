import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAddress } from "../../../src/network/address.ts";
import { decide } from "../../../src/network/decide.ts";
import { type MadeConnection, narrowestPolicy } from "../../../src/network/narrowest.ts";
import { preparedHere } from "../../../src/network/policy.ts";

const made = (host: string, port: number, address: string | null = host): MadeConnection => ({
  host,
  port,
  address,
});
const rulesOf = (all: readonly MadeConnection[], rules: readonly string[] = []) =>
  narrowestPolicy(all, { rules, project: null }).rules;

describe("the narrowest policy", () => {
  it("names hosts and ports as they were, and merges no two hosts", () => {
    const all = [
      made("b.example.com", 443, "8.8.8.8"),
      made("a.example.com", 8080, "8.8.8.8"),
      made("a.example.com", 443, "8.8.8.8"),
      made("a.example.com", 443, "8.8.4.4"),
      made("1.1.1.1", 53),
      made("2606:4700::1111", 853),
    ];
    assert.deepEqual(rulesOf(all), [
      "allow 1.1.1.1:53",
      "allow [2606:4700::1111]:853",
      "allow a.example.com:443,8080",
      "allow b.example.com:443",
    ]);
    assert.deepEqual(narrowestPolicy([], { rules: [], project: null }).preset, "none");
    assert.deepEqual(rulesOf([]), []);
  });

  it("names the address where the name alone would not open it, and keeps what denies", () => {
    const internal = made("db.example", 5432, "10.1.2.3");
    assert.deepEqual(rulesOf([internal], ["allow 10.0.0.0/8", "deny *.evil.example"]), [
      "deny *.evil.example",
      "allow 10.1.2.3:5432",
      "allow db.example:5432",
    ]);
    assert.deepEqual(rulesOf([made("only.example", 443, null)]), ["allow only.example:443"]);
  });

  it("lets all of it pass, and nothing beside it", () => {
    const all = [made("a.example", 443, "8.8.8.8"), made("db.example", 5432, "10.1.2.3")];
    const policy = preparedHere(narrowestPolicy(all, { rules: ["allow private"], project: null }));
    const verdict = (host: string | null, address: string, port: number) =>
      decide(policy, { host, address: parseAddress(address) ?? assert.fail(address), port })
        .verdict;
    for (const { host, address, port } of all)
      assert.equal(verdict(host, address ?? "", port), "allow", host);
    assert.equal(verdict("a.example", "8.8.8.8", 80), "deny");
    assert.equal(verdict("b.example", "8.8.8.8", 443), "deny");
    assert.equal(verdict("a.example", "10.0.0.1", 443), "deny");
    assert.equal(verdict("db.example", "10.1.2.4", 5432), "deny");
  });
});
