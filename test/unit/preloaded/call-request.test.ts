import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCallRequest } from "../../../src/preloaded/call-request.ts";

const fields = ["1", "secret", "/p/cli.js", "77", "18", "/home", "data", "1", "0", "120", "40"];
const said = (changes: Record<number, string> = {}, rest = ["2", "run", "", "A=1", "B=x=y", "C"]) =>
  [...fields.map((field, index) => changes[index] ?? field), ...rest].join("\0");

describe("what a launcher says", () => {
  it("is a command line and all that it is run with", () => {
    assert.deepEqual(parseCallRequest(said()), {
      secret: "secret",
      program: "/p/cli.js",
      pid: 77,
      umask: 18,
      directory: "/home",
      inputKind: "data",
      stdoutIsTerminal: true,
      stderrIsTerminal: false,
      columns: 120,
      rows: 40,
      args: ["run", ""],
      environment: { A: "1", B: "x=y", C: "" },
    });
  });

  for (const [what, text] of Object.entries({
    "of another version": said({ 0: "2" }),
    "whose process is no number": said({ 3: "x" }),
    "whose input is of no kind": said({ 6: "socket" }),
    "with fewer arguments than it counts": said({}, ["9", "run"]),
    "with a count that is none": said({}, ["-", "run"]),
    "that ends early": fields.slice(0, 5).join("\0"),
    "that is nothing": "",
  }))
    it(`is nothing ${what}`, () => assert.equal(parseCallRequest(text), undefined));

  it("may hold what objects have by themselves", () => {
    const { environment } = parseCallRequest(said({}, ["0", "__proto__=x"])) ?? assert.fail();
    assert.deepEqual(Object.entries(environment), [["__proto__", "x"]]);
  });
});
