import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { asPyroError, PyroError } from "../../../src/model/errors.ts";
import { checkPolicy, warningsOf } from "../../../src/network/policy.ts";
import { askedRule, hostName, parseRule } from "../../../src/network/rule.ts";

describe("rules of the network", () => {
  for (const [written, text] of [
    ["allow Example.COM.", "allow example.com"],
    ["  deny   *.Bücher.example:443 ", "deny *.xn--bcher-kva.example:443"],
    ["allow example.com:80,443,8000-8010", "allow example.com:80,443,8000-8010"],
    ["allow 10.1.2.3", "allow 10.1.2.3"],
    ["allow 10.1.0.0/16:22", "allow 10.1.0.0/16:22"],
    ["allow 2001:db8::1", "allow 2001:db8::1"],
    ["allow [2001:DB8:0::1]:443", "allow [2001:db8::1]:443"],
    ["allow [2001:db8::]/32:443", undefined],
    ["allow [2001:db8::/32]:443", "allow [2001:db8::/32]:443"],
    ["deny ::ffff:10.0.0.0/104", "deny 10.0.0.0/8"],
    ["deny 0.0.0.0/0", "deny 0.0.0.0/0"],
    ["allow private:443", "allow private:443"],
    ["allow *.com", "allow *.com"],
    ["allow xn--bcher-kva.example", "allow xn--bcher-kva.example"],
    ["allow my_host", "allow my_host."],
    ["allow *", undefined],
    ["allow ", undefined],
    ["allow", undefined],
    ["permit example.com", undefined],
    ["allow user@example.com", undefined],
    ["allow https://example.com/", undefined],
    ["allow exa mple.com", undefined],
    ["allow *example.com", undefined],
    ["allow www.*.com", undefined],
    ["allow example..com", undefined],
    ["allow .example.com", undefined],
    ["allow -example.com", undefined],
    ["allow example.com:0", undefined],
    ["allow example.com:65536", undefined],
    ["allow example.com:9-8", undefined],
    ["allow example.com:", undefined],
    ["allow example.com:http", undefined],
    ["allow example.com:1,,2", undefined],
    ["allow 0.0.0.0/0", undefined],
    ["allow ::/0", undefined],
    ["allow 10.0.0.0/33", undefined],
    ["allow 010.0.0.1", undefined],
    ["allow 127.1", undefined],
    ["allow 0x7f000001", undefined],
    ["allow 2130706433", undefined],
    ["allow fe80::1%eth0", undefined],
    ["allow example.com\0", undefined],
    [`allow ${"a".repeat(64)}.com`, undefined],
  ] as const)
    it(`${JSON.stringify(written).slice(0, 60)} is ${text ?? "refused"}`, () => {
      if (text === undefined)
        assert.throws(
          () => parseRule(written),
          (error) =>
            error instanceof PyroError &&
            error.code === "invalid_argument" &&
            /10\.1\.0\.0\/16/.test(error.hint ?? ""),
        );
      else {
        assert.equal(parseRule(written).text, text);
        assert.equal(parseRule(text).text, text);
      }
    });

  it("a URL and a user are called what they are, whatever follows their colons", () => {
    assert.throws(() => parseRule("allow https://example.com:8443/a"), /is a URL: name its host/);
    assert.throws(() => parseRule("allow https://example.com"), /is a URL: name its host/);
    assert.throws(() => parseRule("allow git@example.com:team/a.git"), /names a user/);
  });

  it("a word that is no group is a host only where a dot says so, but for what is kept already", () => {
    const told = (text: string) => {
      try {
        return askedRule("deny", text).text;
      } catch (error) {
        const { message, hint } = asPyroError(error);
        return `${message} ${hint}`;
      }
    };
    assert.equal(
      told("Registires:443"),
      'The network rule "Registires:443" is one word, and no group. Did you mean registries? A host without a domain is written with a dot at its end: registires.',
    );
    assert.match(told("github"), /is one word, and no group\. A rule is a host, .* end: github\.$/);
    for (const [written, text] of [
      ["registries", "deny registries"],
      ["gitea.", "deny gitea."],
      ["GITEA.:22", "deny gitea.:22"],
      ["gitea.corp", "deny gitea.corp"],
      ["gitea.corp.:22", "deny gitea.corp:22"],
      ["10.1.2.3", "deny 10.1.2.3"],
      ["::1", "deny ::1"],
    ] as const)
      assert.equal(told(written), text);
    assert.equal(parseRule("allow gitea:22").text, "allow gitea.:22");
    assert.equal(parseRule("allow gitea.:22").text, "allow gitea.:22");
  });

  it("names that some resolver takes for addresses are none", () => {
    for (const name of [
      "127.1",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "a.b.0x1",
      "1.2.3.4",
      "",
      "a b",
      "a/b",
      "%31",
      "::1",
    ])
      assert.equal(hostName(name), undefined, name);
    assert.equal(hostName("WWW.Example.com."), "www.example.com");
    assert.equal(hostName("_dmarc.1and1.com"), "_dmarc.1and1.com");
  });

  it("a policy is kept in one spelling, without repetitions", () => {
    assert.deepEqual(
      checkPolicy({ preset: "none", rules: ["allow A.com", "allow a.com.", "deny b.com"] }),
      {
        preset: "none",
        rules: ["allow a.com", "deny b.com"],
      },
    );
    assert.throws(
      () => checkPolicy({ preset: "opne" as "open", rules: [] }),
      /"opne", but must be one of open, registries, none/,
    );
    const many = Array.from({ length: 10_001 }, (_, index) => `allow h${index}.example`);
    assert.throws(() => checkPolicy({ preset: "none", rules: many }), /10001 network rules; 10000/);
    assert.equal(checkPolicy({ preset: "none", rules: many.slice(1) }).rules.length, 10_000);
  });

  it("rules that do nothing, or more than they seem to, are told of", () => {
    const warnings = (...rules: string[]) => warningsOf({ preset: "open", rules });
    assert.deepEqual(warnings("allow example.com", "deny evil.com"), []);
    assert.deepEqual(warnings("allow *.com"), ['"allow *.com" is about every host below .com.']);
    assert.deepEqual(warnings("deny a.com", "allow a.com:443"), [
      '"allow a.com:443" never matters: "deny a.com" wins.',
    ]);
    assert.deepEqual(warnings("allow a.com", "allow a.com:443"), [
      '"allow a.com:443" adds nothing to "allow a.com".',
    ]);
    assert.deepEqual(warningsOf({ preset: "none", rules: ["deny a.com"] }), [
      '"deny a.com" never matters: preset none allows nothing.',
    ]);
  });
});
