import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseChallenges } from "../../../../src/environments/oci/challenge.ts";

describe("parseChallenges", () => {
  const cases: ReadonlyArray<
    readonly [header: string, expected: ReadonlyArray<readonly [string, Record<string, string>]>]
  > = [
    ["", []],
    ["Basic", [["basic", {}]]],
    ['Basic realm="x"', [["basic", { realm: "x" }]]],
    [
      'Bearer realm="https://a/b?c=d,e",service="s", Scope="repository:a:pull,push"',
      [["bearer", { realm: "https://a/b?c=d,e", service: "s", scope: "repository:a:pull,push" }]],
    ],
    [
      'Basic realm="x", Bearer realm = "y" , service=z',
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y", service: "z" }],
      ],
    ],
    ['Bearer realm="a\\"b\\\\c"', [["bearer", { realm: 'a"b\\c' }]]],
    ['Bearer realm="a", realm="b"', [["bearer", { realm: "a" }]]],
    ['Bearer realm="unfinished', [["bearer", {}]]],
    ['realm="no scheme"', []],
    ["\u0000", []],
    [",,, ,Basic", [["basic", {}]]],
  ];
  for (const [header, expected] of cases)
    it(`reads ${JSON.stringify(header)}`, () => {
      const found = parseChallenges(header).map(({ scheme, parameters }) => [
        scheme,
        Object.fromEntries(parameters),
      ]);
      assert.deepEqual(found, expected);
    });

  it("stays fast on headers made to slow it down", () => {
    const started = performance.now();
    for (const part of ['"', "a=", 'a="', "\\", " ", "a ", ","])
      parseChallenges(part.repeat(20_000));
    parseChallenges(`a="${"\\".repeat(20_000)}`);
    assert.ok(performance.now() - started < 1000);
  });
});
