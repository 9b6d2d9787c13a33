import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EgressPreset, ProjectRules } from "../../../src/model/egress.ts";
import { parseAddress } from "../../../src/network/address.ts";
import { decide, preparePolicy } from "../../../src/network/decide.ts";
import { parseRule } from "../../../src/network/rule.ts";

const facts = {
  hostAddresses: [
    "192.168.7.2",
    "8.8.4.4",
    "2001:4860::1",
    "192.0.2.9",
    "169.254.7.7",
    "fe80::7",
  ].map((text) => parseAddress(text) ?? []),
  ownRegistries: ["mirror.corp.example:80", "mirror.corp.example:3141", "pypi.python.org:8443"],
};

/** What is asked: HOST=ADDRESS:PORT, where HOST= or =ADDRESS may be missing; `-` for no port, `?` for an address that a proxy finds. */
function ask({ preset, rules, project }: Omit<Table, "rows">, question: string): string {
  const [, host, address, port] = /^(?:([^=]*?))?(?:=(.*?))?(?::(\d+|-))$/.exec(question) ?? [];
  const isLeftToProxy = address === "?";
  const known = address === undefined || isLeftToProxy;
  const policy = preparePolicy(preset, rules.map(parseRule), { ...facts, project });
  const decision = decide(policy, {
    host: host === undefined || host === "" ? null : host,
    address: known ? null : (parseAddress(address) ?? assert.fail(address)),
    port: port === "-" ? null : Number(port),
    isLeftToProxy,
  });
  assert.match(decision.reason, /^[^\n]{8,200}\.$/);
  return `${decision.verdict} by ${decision.rule}`;
}

const onlyThree = ".pyro.toml: only registries, *.example.com:443, api.example.org";

function projectOf({ project }: Omit<Table, "rows">): string {
  return project === undefined ? "" : ` and ${JSON.stringify(project)} of the project`;
}

type Row = readonly [question: string, answer: string];

interface Table {
  readonly preset: EgressPreset;
  readonly rules: readonly string[];
  readonly project?: ProjectRules;
  readonly rows: readonly Row[];
}

const tables: readonly Table[] = [
  {
    preset: "open",
    rules: [],
    rows: [
      ["example.com=93.184.215.14:443", "allow by preset open"],
      ["example.com:443", "allow by preset open"],
      ["example.com:-", "allow by preset open"],
      ["=93.184.215.14:22", "allow by preset open"],
      ["=2606:4700::1111:443", "allow by preset open"],
      ["=10.0.2.2:80", "deny by default deny private"],
      ["=172.16.0.1:80", "deny by default deny private"],
      ["=172.31.255.255:80", "deny by default deny private"],
      ["=172.32.0.1:80", "allow by preset open"],
      ["=192.168.1.1:80", "deny by default deny private"],
      ["=100.64.0.1:80", "deny by default deny private"],
      ["=100.128.0.1:80", "allow by preset open"],
      ["=127.0.0.1:80", "deny by default deny loopback"],
      ["=127.255.255.254:80", "deny by default deny loopback"],
      ["=0.0.0.0:80", "deny by default deny loopback"],
      ["=0.1.2.3:80", "deny by default deny loopback"],
      ["=::1:80", "deny by default deny loopback"],
      ["=:::80", "deny by default deny loopback"],
      ["=169.254.1.1:80", "deny by default deny link-local"],
      ["=169.254.169.254:80", "deny by default deny metadata"],
      ["=169.254.170.2:80", "deny by default deny metadata"],
      ["=100.100.100.200:80", "deny by default deny metadata"],
      ["=168.63.129.16:80", "deny by default deny metadata"],
      ["=192.0.0.192:80", "deny by default deny metadata"],
      ["=fd00:ec2::254:80", "deny by default deny metadata"],
      ["=fd20:ce::254:80", "deny by default deny metadata"],
      ["=fe80::1:80", "deny by default deny link-local"],
      ["=fc00::1:80", "deny by default deny private"],
      ["=fd12:3456::1:80", "deny by default deny private"],
      ["=fec0::1:80", "deny by default deny private"],
      ["=224.0.0.1:80", "deny by default deny multicast"],
      ["=ff02::1:80", "deny by default deny multicast"],
      ["=255.255.255.255:80", "deny by default deny reserved"],
      ["=240.0.0.1:80", "deny by default deny reserved"],
      ["=192.0.2.1:80", "deny by default deny reserved"],
      ["=198.18.0.1:80", "deny by default deny reserved"],
      ["=198.51.100.1:80", "deny by default deny reserved"],
      ["=203.0.113.1:80", "deny by default deny reserved"],
      ["=192.88.99.1:80", "deny by default deny reserved"],
      ["=2001:db8::1:80", "deny by default deny reserved"],
      ["=3fff::1:80", "deny by default deny reserved"],
      ["=100::1:80", "deny by default deny reserved"],
      // IPv4 inside of IPv6, where the packet ends up.
      ["=::ffff:127.0.0.1:80", "deny by default deny loopback"],
      ["=::ffff:10.1.2.3:80", "deny by default deny private"],
      ["=::ffff:169.254.169.254:80", "deny by default deny metadata"],
      ["=::ffff:93.184.215.14:80", "allow by preset open"],
      ["=::127.0.0.1:80", "deny by default deny loopback"],
      ["=::10.0.0.1:80", "deny by default deny private"],
      ["=64:ff9b::7f00:1:80", "deny by default deny loopback"],
      ["=64:ff9b::a9fe:a9fe:80", "deny by default deny metadata"],
      ["=64:ff9b::5db8:d70e:80", "allow by preset open"],
      ["=64:ff9b:1::1:80", "deny by default deny private"],
      ["=2002:7f00:1::1:80", "deny by default deny loopback"],
      ["=2002:a00:1::1:80", "deny by default deny private"],
      ["=2002:5db8:d70e::1:80", "allow by preset open"],
      ["=2001:0:4136:e378:8000:63bf:3fff:fdd2:80", "deny by default deny reserved"],
      ["=2606:4700::5efe:7f00:1:80", "deny by default deny loopback"],
      ["=2606:4700::200:5efe:a00:1:80", "deny by default deny private"],
      // This machine's own.
      ["=192.168.7.2:22", "deny by default deny host"],
      ["=8.8.4.4:22", "deny by default deny host"],
      ["=2001:4860::1:22", "deny by default deny host"],
      ["=192.0.2.9:22", "deny by default deny host"],
      ["=169.254.7.7:22", "deny by default deny host"],
      ["=fe80::7:22", "deny by default deny host"],
      ["=64:ff9b::808:404:22", "deny by default deny host"],
      ["=8.8.8.8:53", "allow by preset open"],
      // Names that lead somewhere else.
      ["rebind.example=127.0.0.1:80", "deny by default deny loopback"],
      ["rebind.example=10.0.0.1:80", "deny by default deny private"],
      ["rebind.example=::ffff:192.168.7.2:80", "deny by default deny host"],
      ["metadata.google.internal=169.254.169.254:80", "deny by default deny metadata"],
    ],
  },
  {
    preset: "none",
    rules: [],
    rows: [
      ["example.com:-", "deny by preset none"],
      ["example.com:443", "deny by preset none"],
      ["example.com=93.184.215.14:443", "deny by preset none"],
      ["=93.184.215.14:443", "deny by preset none"],
      ["=127.0.0.1:443", "deny by default deny loopback"],
    ],
  },
  {
    preset: "none",
    rules: ["allow a.com", "allow *.b.com:443", "allow c.com:8000-8010,9000", "deny x.b.com"],
    rows: [
      ["a.com:-", "allow by allow a.com"],
      ["a.com:1", "allow by allow a.com"],
      ["a.com=93.184.215.14:65535", "allow by allow a.com"],
      ["a.com=10.0.0.1:443", "deny by default deny private"],
      ["a.com.evil.com:443", "deny by preset none"],
      ["evila.com:443", "deny by preset none"],
      ["www.a.com:443", "deny by preset none"],
      ["b.com:443", "deny by preset none"],
      ["www.b.com:-", "allow by allow *.b.com:443"],
      ["www.b.com:443", "allow by allow *.b.com:443"],
      ["www.b.com:80", "deny by preset none"],
      ["deep.www.b.com:443", "allow by allow *.b.com:443"],
      ["xb.com:443", "deny by preset none"],
      ["x.b.com:443", "deny by deny x.b.com"],
      ["x.b.com:-", "deny by deny x.b.com"],
      ["y.x.b.com:443", "allow by allow *.b.com:443"],
      ["c.com:8000", "allow by allow c.com:8000-8010,9000"],
      ["c.com:8010", "allow by allow c.com:8000-8010,9000"],
      ["c.com:8011", "deny by preset none"],
      ["c.com:9000", "allow by allow c.com:8000-8010,9000"],
      ["c.com:7999", "deny by preset none"],
      ["=93.184.215.14:443", "deny by preset none"],
    ],
  },
  {
    preset: "none",
    rules: ["allow 10.1.0.0/16:5432", "allow 2001:db8::7", "deny 10.1.9.0/24"],
    rows: [
      ["db.corp.example:-", "allow by preset none"],
      ["db.corp.example:5432", "allow by preset none"],
      ["db.corp.example=10.1.2.3:5432", "allow by allow 10.1.0.0/16:5432"],
      ["db.corp.example=10.1.2.3:22", "deny by default deny private"],
      ["db.corp.example=93.184.215.14:5432", "deny by preset none"],
      ["db.corp.example=10.1.9.3:5432", "deny by deny 10.1.9.0/24"],
      ["=10.1.255.255:5432", "allow by allow 10.1.0.0/16:5432"],
      ["=10.2.0.0:5432", "deny by default deny private"],
      ["=::ffff:10.1.2.3:5432", "allow by allow 10.1.0.0/16:5432"],
      ["=2001:db8::7:1", "allow by allow 2001:db8::7"],
      ["=2001:db8::8:1", "deny by default deny reserved"],
    ],
  },
  {
    preset: "open",
    rules: [
      "deny *.evil.com",
      "deny evil.com:80",
      "allow *.evil.com",
      "allow private:443",
      "deny public:25",
    ],
    rows: [
      ["www.evil.com:443", "deny by deny *.evil.com"],
      ["evil.com=93.184.215.14:443", "allow by preset open"],
      ["evil.com:80", "deny by deny evil.com:80"],
      ["evil.com:-", "allow by preset open"],
      ["=10.0.0.1:443", "allow by allow private:443"],
      ["nas.home.example=192.168.1.4:443", "allow by allow private:443"],
      ["=192.168.7.2:443", "deny by default deny host"],
      ["=127.0.0.1:443", "deny by default deny loopback"],
      ["=10.0.0.1:80", "deny by default deny private"],
      ["=93.184.215.14:25", "deny by deny public:25"],
      ["mail.example=93.184.215.14:25", "deny by deny public:25"],
    ],
  },
  {
    preset: "open",
    rules: ["allow 192.168.0.0/16", "allow 169.254.0.0/16", "allow loopback:8080", "allow host:22"],
    rows: [
      ["=192.168.1.1:80", "allow by allow 192.168.0.0/16"],
      ["=192.168.7.2:80", "deny by default deny host"],
      ["=192.168.7.2:22", "allow by allow host:22"],
      ["=192.0.2.9:22", "allow by allow host:22"],
      ["=169.254.7.7:80", "deny by default deny host"],
      ["=169.254.3.4:80", "allow by allow 169.254.0.0/16"],
      ["=169.254.169.254:80", "deny by default deny metadata"],
      ["=127.0.0.1:8080", "allow by allow loopback:8080"],
      ["=::1:8080", "allow by allow loopback:8080"],
      ["=127.0.0.1:8081", "deny by default deny loopback"],
    ],
  },
  {
    preset: "open",
    rules: ["allow 169.254.169.254", "allow 192.168.7.2:22"],
    rows: [
      ["=169.254.169.254:80", "allow by allow 169.254.169.254"],
      ["=192.168.7.2:22", "allow by allow 192.168.7.2:22"],
      ["=192.168.7.2:23", "deny by default deny host"],
    ],
  },
  {
    preset: "registries",
    rules: ["allow api.example.com", "deny registry.npmjs.org"],
    rows: [
      ["pypi.org:443", "allow by preset registries"],
      ["pypi.org:-", "allow by preset registries"],
      ["pypi.org=151.101.0.223:443", "allow by preset registries"],
      ["pypi.org=10.0.0.1:443", "deny by default deny private"],
      ["pypi.org:8080", "deny by preset registries"],
      ["github.com:22", "allow by preset registries"],
      ["evil-pypi.org:443", "deny by preset registries"],
      ["pypi.org.evil.com:443", "deny by preset registries"],
      ["registry.npmjs.org:443", "deny by deny registry.npmjs.org"],
      ["api.example.com:443", "allow by allow api.example.com"],
      ["www.example.com:-", "deny by preset registries"],
      ["mirror.corp.example:3141", "allow by preset registries"],
      ["mirror.corp.example=10.9.8.7:3141", "allow by preset registries"],
      ["mirror.corp.example=127.0.0.1:3141", "deny by default deny loopback"],
      ["mirror.corp.example=169.254.169.254:80", "deny by default deny metadata"],
      ["mirror.corp.example=192.168.7.2:80", "deny by default deny host"],
      ["mirror.corp.example=224.0.0.1:80", "deny by default deny multicast"],
      ["mirror.corp.example=198.18.0.7:80", "allow by preset registries"],
      ["mirror.corp.example:-", "allow by preset registries"],
      ["mirror.corp.example:443", "deny by preset registries"],
      ["mirror.corp.example=10.9.8.7:443", "deny by default deny private"],
      ["www.mirror.corp.example:3141", "deny by preset registries"],
      ["pypi.python.org=10.9.8.7:8443", "allow by preset registries"],
      ["pypi.python.org=10.9.8.7:443", "deny by default deny private"],
      ["pypi.python.org=151.101.0.223:443", "allow by preset registries"],
      ["=151.101.0.223:443", "deny by preset registries"],
    ],
  },
  {
    preset: "open",
    rules: [],
    rows: [["mirror.corp.example=10.9.8.7:3141", "deny by default deny private"]],
  },
  {
    preset: "none",
    rules: ["allow registries", "deny registries:22"],
    rows: [
      ["pypi.org=151.101.0.223:443", "allow by allow registries"],
      ["mirror.corp.example=10.9.8.7:3141", "allow by allow registries"],
      ["github.com:22", "deny by deny registries:22"],
      ["example.com:-", "deny by preset none"],
      ["example.com=93.184.215.14:443", "deny by preset none"],
    ],
  },
  // What a project's own file says is said before all else, and lets nothing pass that the rest would not.
  {
    preset: "open",
    rules: ["allow 10.1.0.0/16", "deny blocked.example.com", "allow pypi.org"],
    project: { only: ["registries", "*.example.com:443", "api.example.org"], deny: [] },
    rows: [
      ["pypi.org:-", "allow by allow pypi.org"],
      ["pypi.org=151.101.0.223:443", "allow by allow pypi.org"],
      ["pypi.org=151.101.0.223:8080", `deny by ${onlyThree}`],
      ["github.com=140.82.121.3:22", "allow by preset open"],
      ["mirror.corp.example=10.9.8.7:3141", "deny by default deny private"],
      ["mirror.corp.example=10.1.8.7:3141", "allow by allow 10.1.0.0/16"],
      ["www.example.com:-", "allow by preset open"],
      ["www.example.com=93.184.215.14:443", "allow by preset open"],
      ["www.example.com=93.184.215.14:80", `deny by ${onlyThree}`],
      ["www.example.com:80", `deny by ${onlyThree}`],
      ["example.com=93.184.215.14:443", `deny by ${onlyThree}`],
      ["blocked.example.com:443", "deny by deny blocked.example.com"],
      ["api.example.org=93.184.215.14:8443", "allow by preset open"],
      ["api.example.org=10.1.2.3:443", "allow by allow 10.1.0.0/16"],
      ["api.example.org=10.2.2.3:443", "deny by default deny private"],
      ["api.example.org=127.0.0.1:443", "deny by default deny loopback"],
      ["evil.example:-", `deny by ${onlyThree}`],
      ["evil.example=93.184.215.14:443", `deny by ${onlyThree}`],
      ["=93.184.215.14:443", `deny by ${onlyThree}`],
      ["=10.1.2.3:443", `deny by ${onlyThree}`],
      ["=10.2.2.3:443", `deny by ${onlyThree}`],
      ["=127.0.0.1:443", `deny by ${onlyThree}`],
      ["api.example.org=?:443", "deny by default deny unknown"],
      ["pypi.org=?:443", "allow by allow pypi.org"],
      ["evil.example=?:443", `deny by ${onlyThree}`],
    ],
  },
  {
    preset: "open",
    rules: ["allow 10.0.0.0/8", "allow tracker.example", "allow private.example"],
    project: {
      only: null,
      deny: ["*.tracker.example", "tracker.example", "10.1.0.0/16:22", "metadata"],
    },
    rows: [
      ["tracker.example:-", "deny by .pyro.toml: deny tracker.example"],
      ["tracker.example=93.184.215.14:443", "deny by .pyro.toml: deny tracker.example"],
      ["a.tracker.example:443", "deny by .pyro.toml: deny *.tracker.example"],
      ["nottracker.example:443", "allow by preset open"],
      ["=10.1.2.3:22", "deny by .pyro.toml: deny 10.1.0.0/16:22"],
      ["host.example=10.1.2.3:22", "deny by .pyro.toml: deny 10.1.0.0/16:22"],
      ["=10.1.2.3:443", "allow by allow 10.0.0.0/8"],
      ["=10.2.2.3:22", "allow by allow 10.0.0.0/8"],
      ["=169.254.169.254:80", "deny by .pyro.toml: deny metadata"],
      ["=192.168.1.1:80", "deny by default deny private"],
      ["host.example=?:443", "deny by .pyro.toml: deny metadata"],
      ["host.example=93.184.215.14:443", "allow by preset open"],
    ],
  },
  {
    preset: "none",
    rules: ["allow public", "allow private"],
    project: { only: ["public:443", "10.1.0.0/16"], deny: ["evil.example"] },
    rows: [
      ["host.example:-", "allow by preset none"],
      ["host.example:443", "allow by preset none"],
      ["host.example=93.184.215.14:443", "allow by allow public"],
      ["host.example=93.184.215.14:80", "deny by .pyro.toml: only public:443, 10.1.0.0/16"],
      ["host.example=10.1.2.3:80", "allow by allow private"],
      ["host.example=10.2.2.3:80", "deny by .pyro.toml: only public:443, 10.1.0.0/16"],
      ["=10.1.2.3:80", "allow by allow private"],
      ["=::ffff:10.1.2.3:80", "allow by allow private"],
      ["=192.168.7.2:443", "deny by .pyro.toml: only public:443, 10.1.0.0/16"],
      ["evil.example:443", "deny by .pyro.toml: deny evil.example"],
      ["host.example=?:443", "deny by .pyro.toml: only public:443, 10.1.0.0/16"],
    ],
  },
  {
    preset: "none",
    rules: ["allow a.com"],
    project: { only: ["public", "metadata", "host", "loopback"], deny: [] },
    rows: [
      ["a.com=93.184.215.14:443", "allow by allow a.com"],
      ["b.com:-", "deny by preset none"],
      ["=93.184.215.14:443", "deny by preset none"],
      ["=169.254.169.254:80", "deny by default deny metadata"],
      ["=127.0.0.1:80", "deny by default deny loopback"],
      ["=192.168.7.2:80", "deny by default deny host"],
    ],
  },
  {
    preset: "registries",
    rules: ["allow registries", "allow public", "allow private", "allow a.com"],
    project: { only: [], deny: [] },
    rows: [
      ["pypi.org:-", "deny by .pyro.toml: only nothing"],
      ["pypi.org=151.101.0.223:443", "deny by .pyro.toml: only nothing"],
      ["a.com:443", "deny by .pyro.toml: only nothing"],
      ["=10.0.0.1:80", "deny by .pyro.toml: only nothing"],
      ["=93.184.215.14:443", "deny by .pyro.toml: only nothing"],
    ],
  },
];

describe("what a policy decides", () => {
  for (const { rows, ...table } of tables)
    for (const [question, answer] of rows)
      it(`${table.preset} with [${table.rules.join("; ")}]${projectOf(table)}: ${question}`, () =>
        assert.equal(ask(table, question), answer));

  it("is never more with a project's file than without one", () => {
    const questions = tables.flatMap(({ rows }) => rows.map(([question]) => question));
    const projects = tables.flatMap(({ project }) => project ?? []);
    assert.ok(projects.length >= 5);
    for (const { preset, rules } of tables)
      for (const project of projects)
        for (const question of questions) {
          const without = ask({ preset, rules }, question);
          const tightened = ask({ preset, rules, project }, question);
          const named = `${question} ${preset} ${rules} ${JSON.stringify(project)}`;
          if (tightened !== without) assert.match(tightened, /^deny by \.pyro\.toml: /, named);
        }
  });

  it("is told about what was asked for", () => {
    const policy = preparePolicy("open", [], facts);
    const at = (host: string | null, address: string) =>
      decide(policy, { host, address: parseAddress(address) ?? null, port: 80 }).reason;
    assert.equal(
      at("rebind.example", "::ffff:10.0.0.1"),
      "rebind.example:80 leads to 10.0.0.1, a private address; only a rule about the address opens it.",
    );
    assert.equal(
      at(null, "::1"),
      "[::1]:80 is an address of this machine's loopback; only a rule about the address opens it.",
    );
  });
});
