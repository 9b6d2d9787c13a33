import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAddress } from "../../../src/network/address.ts";
import { decide, preparePolicy } from "../../../src/network/decide.ts";
import { Proxies } from "../../../src/network/proxies/proxies.ts";
import { proxyText } from "../../../src/network/proxies/proxy.ts";
import { parseProxySettings, proxySettings } from "../../../src/network/proxies/proxy-settings.ts";
import { parseRule } from "../../../src/network/rule.ts";

const address = (text: string) => parseAddress(text) ?? assert.fail(text);
const own = [address("192.0.2.9")];
const proxiesOf = (environment: Record<string, string>) => new Proxies(proxySettings(environment));

describe("the proxies of the environment", () => {
  it("are told apart by what is asked for, in either case, the lower one first", () => {
    const proxies = proxiesOf({
      HTTP_PROXY: "upper.example:1",
      http_proxy: "http://plain.example:3128/",
      HTTPS_PROXY: "https://secure.example",
      all_proxy: "socks5h://any.example",
    });
    const wayTo = (port: number) => {
      const route = proxies.routeTo({ host: "a.example", address: address("8.8.8.8"), port }, own);
      return route === null ? "directly" : `${route.kind} ${proxyText(route)}`;
    };
    assert.equal(wayTo(80), "http plain.example:3128");
    assert.equal(wayTo(443), "https secure.example:443");
    assert.equal(wayTo(22), "socks5h any.example:1080");
    const one = proxiesOf({ HTTPS_PROXY: "10.0.0.1:8080" });
    const routeOf = (port: number) =>
      one.routeTo({ host: null, address: address("8.8.8.8"), port }, own);
    assert.equal(routeOf(8443)?.port, 8080);
    assert.equal(routeOf(80), null);
    assert.deepEqual(proxiesOf({}).list, []);
  });

  it("keep user and password, and tell nobody", () => {
    const [proxy] = proxiesOf({ ALL_PROXY: "socks5://me%40corp:p%3Aw%2F@[2001:db8::1]:99" }).list;
    assert.deepEqual(proxy, {
      kind: "socks5",
      host: "2001:db8::1",
      port: 99,
      user: "me@corp",
      password: "p:w/",
    });
    assert.equal(proxyText(proxy ?? assert.fail()), "[2001:db8::1]:99");
    for (const text of [
      "socks4://u:hunter2@h:1",
      "http://u:hun#ter2@h:1",
      "http://u:hunter2@h:99999",
      "http://u:hunter2@h h",
      "ftp://hunter2",
      "http://127.1.example..:1",
      `http://u:${"hunter2".repeat(40)}@h`,
      "://hunter2",
    ])
      assert.throws(
        () => proxiesOf({ HTTPS_PROXY: text }),
        ({ code, message, hint }: { code: string; message: string; hint: string }) => {
          assert.equal(code, "invalid_argument");
          assert.match(message, /^The proxy of HTTPS_PROXY cannot be used: it /);
          assert.doesNotMatch(message + hint, /hunter|ter2/);
          return true;
        },
        text,
      );
  });

  it("are not asked for what NO_PROXY names", () => {
    const names =
      "corp.example,.below.example *.star.example, host.example:8080 10.0.0.0/8,203.0.113.7 [2001:db8::1]:443,fd00::/8,,not a host!,:5";
    const proxies = proxiesOf({ ALL_PROXY: "http://p.example:1", NO_PROXY: names });
    const isDirect = (host: string | null, text: string, port = 443) =>
      proxies.routeTo({ host, address: address(text), port }, own) === null;
    const rows: readonly (readonly [boolean, string | null, string, number?])[] = [
      [true, "corp.example", "8.8.8.8"],
      [true, "a.corp.example", "8.8.8.8"],
      [false, "notcorp.example", "8.8.8.8"],
      [false, "corp.example.evil.org", "8.8.8.8"],
      [false, "below.example", "8.8.8.8"],
      [true, "a.below.example", "8.8.8.8"],
      [true, "a.star.example", "8.8.8.8"],
      [false, "star.example", "8.8.8.8"],
      [true, "host.example", "8.8.8.8", 8080],
      [false, "host.example", "8.8.8.8", 443],
      [true, null, "10.1.2.3"],
      [true, "inside.example", "10.1.2.3"],
      [true, null, "203.0.113.7"],
      [false, null, "203.0.113.8"],
      [true, null, "2001:db8::1", 443],
      [false, null, "2001:db8::1", 80],
      [true, null, "fd12::1"],
      [false, "a.example", "8.8.8.8", 5],
    ];
    for (const [expected, host, text, port] of rows)
      assert.equal(isDirect(host, text, port), expected, `${host} ${text} ${port}`);
    const none = proxiesOf({ ALL_PROXY: "http://p.example:1", no_proxy: "a, *" });
    assert.equal(
      none.routeTo({ host: "x.example", address: address("8.8.8.8"), port: 1 }, own),
      null,
    );
  });

  it("are never asked for what is this machine's own, which would be theirs", () => {
    const proxies = proxiesOf({ ALL_PROXY: "http://p.example:1" });
    for (const text of ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "192.0.2.9", "0.0.0.0"])
      assert.equal(proxies.routeTo({ host: null, address: address(text), port: 80 }, own), null);
    assert.notEqual(
      proxies.routeTo({ host: null, address: address("10.0.0.1"), port: 80 }, own),
      null,
    );
  });

  it("look names up, unless they are of the kind that does not", () => {
    const names = (text: string) => proxiesOf({ ALL_PROXY: text }).routeToName("a.example", 443);
    assert.equal(names("socks5://p.example"), null);
    for (const scheme of ["socks5h", "http", "https"])
      assert.equal(names(`${scheme}://p.example`)?.host, "p.example");
    const except = proxiesOf({ ALL_PROXY: "http://p.example", NO_PROXY: ".example" });
    assert.equal(except.routeToName("a.example", 443), null);
  });

  it("are kept as a text, and nothing that is damaged counts", () => {
    const settings = proxySettings({ HTTPS_PROXY: "a.example:1", NO_PROXY: "b.example" });
    assert.deepEqual(parseProxySettings(JSON.stringify(settings)), settings);
    for (const text of ["", "{}", "null", '{"http":1,"https":"","all":"","none":""}', "[]"])
      assert.equal(parseProxySettings(text), undefined, text);
  });
});

describe("what only a proxy could look up", () => {
  const facts = { hostAddresses: own, ownRegistries: ["mirror.corp:3141"] };
  const ask = (preset: "open" | "registries" | "none", rules: string[], host: string, port = 443) =>
    decide(preparePolicy(preset, rules.map(parseRule), facts), {
      ...{ host, address: null, port },
      isLeftToProxy: true,
    });
  const answer = (...given: Parameters<typeof ask>) => {
    const { verdict, rule } = ask(...given);
    return `${verdict} by ${rule}`;
  };

  it("is reached by a rule about its name alone", () => {
    const unknown = "deny by default deny unknown";
    assert.equal(answer("open", [], "a.example"), unknown);
    assert.equal(answer("open", ["allow public"], "a.example"), unknown);
    assert.equal(answer("none", ["allow private", "allow 10.0.0.0/8"], "a.example"), unknown);
    assert.equal(answer("open", ["allow a.example"], "a.example"), "allow by allow a.example");
    assert.equal(answer("none", ["allow *.example"], "a.example"), "allow by allow *.example");
    assert.equal(answer("none", ["allow a.example:80"], "a.example"), unknown);
    assert.equal(answer("registries", [], "pypi.org"), "allow by preset registries");
    assert.equal(answer("registries", [], "a.example"), unknown);
    assert.match(ask("open", [], "a.example").reason, /only a rule about the name opens it\.$/);
  });

  it("is not reached by a name of some network's own, unless this machine's registry has it", () => {
    for (const host of ["intranet", "a.internal", "x.local", "metadata.google.internal", "db.corp"])
      assert.equal(answer("open", [`allow ${host}`], host), "deny by default deny unknown", host);
    assert.match(ask("open", [], "intranet").reason, /only a rule about its address opens it\.$/);
    const registry = ["registries", [], "mirror.corp"] as const;
    assert.equal(answer(registry[0], [], "mirror.corp", 3141), "allow by preset registries");
    assert.equal(answer(registry[0], [], "mirror.corp", 443), "deny by default deny unknown");
  });

  it("is denied by every rule that an address of it could be denied by", () => {
    const allow = "allow a.example";
    for (const deny of ["deny public", "deny private", "deny 10.0.0.0/8", "deny 8.8.8.8:443"])
      assert.equal(answer("open", [allow, deny], "a.example"), `deny by ${deny}`);
    assert.equal(answer("open", [allow, "deny public:25"], "a.example"), `allow by ${allow}`);
    assert.equal(answer("open", [allow, "deny b.example"], "a.example"), `allow by ${allow}`);
  });
});

describe("a proxy itself", () => {
  const proxies = proxiesOf({ ALL_PROXY: "http://p.example:3128", HTTPS_PROXY: "8.8.4.4:8080" });
  const known = new Map([["p.example", [address("8.8.8.8")]]]);
  const isOne = (host: string | null, text: string | null, port: number) =>
    proxies.isOne({ host, address: text === null ? null : address(text), port }, known);

  it("is known by its name and by its addresses, on its port", () => {
    assert.ok(isOne("p.example", null, 3128));
    assert.ok(isOne(null, "8.8.8.8", 3128));
    assert.ok(isOne("other.example", "8.8.8.8", 3128));
    assert.ok(isOne(null, "8.8.4.4", 8080));
    assert.ok(isOne("other.example", "8.8.4.4", 8080));
    assert.ok(!isOne("p.example", "8.8.8.8", 443));
    assert.ok(!isOne(null, "8.8.8.9", 3128));
  });

  it("is reached by a rule about its address alone", () => {
    const facts = { hostAddresses: own, ownRegistries: [] };
    const answer = (rules: string[]) => {
      const policy = preparePolicy("open", rules.map(parseRule), facts);
      const destination = { host: "p.example", address: address("8.8.8.8"), port: 3128 };
      const { verdict, rule } = decide(policy, { ...destination, isProxy: true });
      return `${verdict} by ${rule}`;
    };
    assert.equal(answer([]), "deny by default deny proxy");
    assert.equal(answer(["allow p.example:3128"]), "deny by default deny proxy");
    assert.equal(answer(["allow 8.8.8.8:3128"]), "allow by allow 8.8.8.8:3128");
  });
});
