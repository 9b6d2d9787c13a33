import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestHead } from "../../../../src/network/broker/check-request.ts";
import { fillRequest, mayUse } from "../../../../src/network/broker/fill-request.ts";
import { Refusal } from "../../../../src/network/broker/refusal.ts";
import { credential } from "../../../support/brokered-host.ts";

const placeholder = "ghp_PLACEHOLDERplaceholder0000000000";
const value = "v4lue/+= &ü";
const wire = Buffer.from(value).toString("latin1");
const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");

function filled(head: Partial<RequestHead>, rest: Parameters<typeof credential>[1] = {}) {
  const one = credential(value, { placeholder, ...rest });
  return fillRequest({ method: "GET", target: "/", headers: [], ...head }, new Map([[one, value]]));
}
const header = (name: string, text: string) => filled({ headers: [[name, text]] }).headers[0]?.[1];

describe("where a value is put", () => {
  for (const [name, before, after] of [
    ["Authorization", `Bearer ${placeholder}`, `Bearer ${wire}`],
    ["authorization", `token ${placeholder}`, `token ${wire}`],
    ["x-api-key", placeholder, wire],
    ["PRIVATE-TOKEN", `${placeholder}${placeholder}`, wire + wire],
    ["Authorization", `Basic ${base64(`x:${placeholder}`)}`, `Basic ${base64(`x:${wire}`)}`],
    ["Authorization", `basic  ${base64(`${placeholder}:`)}`, `basic  ${base64(`${wire}:`)}`],
    ["Authorization", `Basic ${base64("x:other")}`, `Basic ${base64("x:other")}`],
    ["Authorization", "Basic !!!", "Basic !!!"],
    ["X-Encoded", base64(placeholder), base64(placeholder)],
    // These say where a message ends, and to whom it is.
    ["Host", placeholder, placeholder],
    ["Connection", placeholder, placeholder],
    ["Transfer-Encoding", placeholder, placeholder],
    [":authority", placeholder, placeholder],
  ] as const)
    it(`${name}: ${before}`, () => assert.equal(header(name, before), after));

  it("the query, encoded, and not the path", () => {
    const target = `/${placeholder}?a=${placeholder}&b=${placeholder}`;
    const encoded = encodeURIComponent(value);
    assert.equal(filled({ target }).target, `/${placeholder}?a=${encoded}&b=${encoded}`);
    assert.equal(filled({ target: `/${placeholder}` }).used.length, 0);
  });

  it("a placeholder that a URL encodes", () => {
    const odd = "a+b/c=";
    const { target } = filled({ target: "/?t=a%2Bb%2Fc%3D&u=a+b/c=" }, { placeholder: odd });
    assert.equal(target, `/?t=${encodeURIComponent(value)}&u=${encodeURIComponent(value)}`);
  });

  it("once: a value that looks like another's placeholder is none", () => {
    const [first, second] = [
      credential("", { name: "A", placeholder: "AAAA" }),
      credential("", { name: "B", placeholder: "BBBB" }),
    ];
    const values = new Map([
      [first, "BBBB"],
      [second, "AAAA"],
    ]);
    const head = { method: "GET", target: "/", headers: [["x", "AAAA BBBB"]] } as const;
    assert.deepEqual(fillRequest(head, values).headers, [["x", "BBBB AAAA"]]);
  });

  it("of two placeholders, one of which begins with the other, the longer", () => {
    const short = credential("", { name: "A", placeholder: "TOKEN" });
    const long = credential("", { name: "B", placeholder: "TOKEN_2" });
    const values = new Map([
      [short, "1"],
      [long, "2"],
    ]);
    const head = { method: "GET", target: "/", headers: [["x", "TOKEN_2 TOKEN"]] } as const;
    assert.deepEqual(fillRequest(head, values).headers, [["x", "2 1"]]);
  });

  it("nowhere, if no header could have it", () => {
    const one = credential("", { placeholder });
    const head = { method: "GET", target: "/", headers: [["x", placeholder]] } as const;
    for (const bad of ["a\r\nx: y", "a\nb", "a\0b", "a\x7fb"])
      assert.throws(
        () => fillRequest(head, new Map([[one, bad]])),
        (error) => error instanceof Refusal && error.status === 502 && !error.message.includes(bad),
      );
  });
});

describe("what a credential is for", () => {
  const limited = { methods: ["GET"], paths: ["/repos/me", "/user/"] };
  for (const [method, path, may] of [
    ["GET", "/repos/me", true],
    ["GET", "/repos/me/a%2Fb", true],
    ["GET", "/user/x", true],
    ["GET", "/repos/me;v=1", false],
    ["GET", "/user", false],
    ["GET", "/repos/mean", false],
    ["GET", "/repos", false],
    ["GET", "//repos/me", false],
    ["POST", "/repos/me", false],
    ["get", "/repos/me", false],
    ["GET", "/repos/me/../you", false],
    ["GET", "/repos/me/..", false],
    ["GET", "/repos/me/./x", false],
    ["GET", "/repos/me/%2e%2E/you", false],
    ["GET", "/repos/me/.%2e/you", false],
    ["GET", "/repos/me/..%2fyou", false],
    ["GET", "/repos/me/..%5cyou", false],
    ["GET", "/repos/me/..\\you", false],
    ["GET", "/repos/me/%252e%252e/you", false],
    ["GET", "/repos/me/..;/you", false],
    ["GET", "/repos/me/..%3b/you", false],
    ["GET", "/repos/me/...", true],
    ["GET", "/repos/me/a..b", true],
  ] as const)
    it(`${method} ${path} is ${may ? "" : "not "}meant`, () =>
      assert.equal(mayUse(limited, { method, path }), may));

  it("is told where it is not used, and the value stays where it is", () => {
    const headers = [["authorization", `Bearer ${placeholder}`]] as const;
    for (const [head, rest] of [
      [{ headers, method: "POST" }, { methods: ["GET", "HEAD"] }],
      [{ headers, target: "/other" }, { paths: ["/repos/me"] }],
      [{ target: `/other?t=${placeholder}` }, { paths: ["/repos/me"] }],
    ] as const)
      assert.throws(
        () => filled(head, rest),
        (error) =>
          error instanceof Refusal &&
          error.status === 403 &&
          /TOKEN is for (GET, HEAD|\/repos\/me) alone/.test(error.message),
      );
    assert.deepEqual(filled({ method: "POST" }, { methods: ["GET"] }).used, []);
  });
});
