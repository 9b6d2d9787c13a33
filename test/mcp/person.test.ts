import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ElicitRequestParams, ElicitResult } from "@modelcontextprotocol/client";
import { TestWorkspaces } from "../support/workspaces.ts";
import { eras, McpConnection } from "./support/mcp-connection.ts";

// Whom nobody allows is asked about: the person behind a client that offers it.
describe("the person behind a client", () => {
  let ws: TestWorkspaces;
  before(async () => {
    ws = await TestWorkspaces.open();
    await ws.home.pull("debian:12");
  });
  after(async () => {
    await ws.assertNothingLeft();
    await ws[Symbol.asyncDispose]();
  });

  const create = async (name: string) => {
    const network = { networkPolicy: "egress", networkPreset: "none" } as const;
    return (await ws.create({ name, environment: "debian:12", ...network })).workspaceId;
  };
  const fetching = (id: string, ...hosts: readonly string[]) => ({
    workspace_id: id,
    command: hosts.map((host) => `curl -sS http://${host}/ && echo ran`).join("; "),
  });
  const rulesOf = async (id: string) => {
    const { rules, temporaryRules } = await ws.pyro.showNetwork(id);
    return [rules, temporaryRules.map(({ rule }) => rule)];
  };

  for (const era of eras)
    it(`is asked in forms (${era}), once, and decides`, async () => {
      const id = await create(`asked-${era}`);
      const asked: ElicitRequestParams[] = [];
      const said = { target_1: "for this workspace", target_2: "for 10 minutes", target_3: "no" };
      const answers: ElicitResult[] = [
        { action: "accept", content: said },
        { action: "decline" },
        { action: "accept", content: { target_1: "always and everything" } },
      ];
      const onElicit = (params: ElicitRequestParams) => {
        asked.push(params);
        return answers[asked.length - 1] ?? { action: "cancel" };
      };
      await using mcp = await McpConnection.open(ws.home, [], { era, onElicit });

      const three = fetching(id, "a.example", "b.example", "c.example");
      const first = await mcp.bulk("workspace_exec", three);
      assert.match(
        asked[0]?.message ?? "",
        /^A program in workspace ws-\S+ tried to reach a\.example:80, b\.example:80, c\.example:80, which/,
      );
      assert.match(
        first.text,
        /^Asked just now, the user allowed a\.example:80 for this workspace: try it again\.$/m,
      );
      assert.match(
        first.text,
        /^Asked just now, the user allowed b\.example:80 for 10 minutes: try/m,
      );
      assert.match(first.text, /^Asked just now, nobody allowed c\.example:80\.$/m);
      // The command ran once.
      assert.equal((await ws.pyro.summarizeWorkspace(id)).commands.length, 1);
      assert.deepEqual(await rulesOf(id), [["allow a.example:80"], ["allow b.example:80"]]);

      // Nobody is asked about what they refused, nor about what they allowed.
      const second = await mcp.bulk("workspace_exec", three);
      assert.doesNotMatch(second.text, /Asked/);
      assert.equal(asked.length, 1);
      for (const [host, text] of [
        ["d.example", /nobody allowed d\.example:80/],
        ["e.example", /nobody allowed e\.example:80/],
        ["f.example", /nobody allowed f\.example:80/],
      ] as const)
        assert.match((await mcp.bulk("workspace_exec", fetching(id, host))).text, text);
      assert.equal(asked.length, 4);
      assert.deepEqual(await rulesOf(id), [["allow a.example:80"], ["allow b.example:80"]]);
      await ws.pyro.deleteWorkspace(id);
    });

  it("is not asked where a rule of theirs denies, where they do not want to be, nor where nobody is there", async () => {
    const id = await create("unasked");
    await ws.pyro.changeNetwork(id, { deny: ["a.example"] });
    const onElicit = () => assert.fail("asked");
    const denied = /Denied by the network rules: a\.example:80/;
    {
      await using mcp = await McpConnection.open(ws.home, [], { onElicit });
      assert.match((await mcp.bulk("workspace_exec", fetching(id, "a.example"))).text, denied);
    }
    await ws.pyro.changeNetwork(id, { remove: ["a.example"] });
    for (const [args, options] of [
      [["--no-ask"], { onElicit }],
      [[], {}],
    ] as const) {
      await using mcp = await McpConnection.open(ws.home, args, options);
      const { text } = await mcp.bulk("workspace_exec", fetching(id, "a.example"));
      assert.match(text, denied);
      assert.doesNotMatch(text, /Asked/);
    }
    await ws.pyro.deleteWorkspace(id);
  });
});
