import assert from "node:assert/strict";
import { test } from "node:test";
import { networkWish } from "../../../src/mcp/answers/network-wish.ts";
import { deniedIn } from "../../../src/mcp/tools/denied-text.ts";

const denied = (...rules: readonly string[]) => ({
  deniedConnections: rules.map((rule, index) => ({
    ...{ host: `h${index}.example`, port: 443, rule, count: 1 },
  })),
});
const ofProject = ".pyro.toml: only registries";

test("what a person can do about a denial is told, and for one of the project's own file that no rule helps", () => {
  const wayOut = (...rules: readonly string[]) =>
    /\. (Only a person can|The project's own).*$/.exec(
      deniedIn("demo", denied(...rules)) ?? "",
    )?.[0];
  assert.match(wayOut("preset none") ?? "", /pyro workspace network allow demo h0\.example:443$/);
  assert.match(wayOut("deny h0.example") ?? "", /network remove demo 'deny h0\.example'$/);
  assert.match(wayOut(ofProject, "preset none") ?? "", /network allow demo h1\.example:443$/);
  assert.equal(
    wayOut(ofProject, ofProject),
    ". The project's own file refuses it, and no rule changes that. Change .pyro.toml in the project, and create another workspace.",
  );
  assert.match(
    deniedIn("demo", denied(ofProject)) ?? "",
    /h0\.example:443 \(\.pyro\.toml: only reg/,
  );
  assert.equal(deniedIn("demo", denied()), undefined);
});

test("nobody is asked about what the project's own file refuses", () => {
  assert.equal(networkWish("ws-1", denied(ofProject, ".pyro.toml: deny h1.example")), undefined);
  assert.deepEqual(networkWish("ws-1", denied(ofProject, "preset none"))?.targets, [
    "h1.example:443",
  ]);
});
