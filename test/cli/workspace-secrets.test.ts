import assert from "node:assert/strict";
import { test } from "node:test";
import { fakePyro } from "./support/fake-pyro.ts";
import { pyroCommand } from "./support/terminal.ts";

const list = {
  workspaceId: "ws-1",
  secrets: [{ name: "TOKEN", sourceKind: "file", credential: null }],
};

async function secret(...line: string[]) {
  const answers = { setSecrets: list, listSecrets: list, removeSecret: { ...list, secrets: [] } };
  const { pyro, calls } = fakePyro(answers);
  const ended = await pyroCommand(["workspace", "secret", ...line], { pyro });
  return { ...ended, calls };
}

test("secrets are handed over in three ways, and that one of them shows is said", async () => {
  const { calls, stdout, stderr } = await secret(
    ...["set", "demo", "--secret", "A=x=y", "--secret-file", "B=./b=c", "--secret-from-env", "C"],
    ...["--secret-from-env", "D=OTHER"],
  );
  assert.deepEqual(calls, [
    [
      "setSecrets",
      "demo",
      {
        secrets: [
          { name: "A", value: "x=y" },
          { name: "B", path: "./b=c" },
          { name: "C", variable: "C" },
          { name: "D", variable: "OTHER" },
        ],
      },
    ],
  ]);
  assert.match(stderr, /^warning: the value of --secret shows in the process list/);
  assert.match(stdout, /^SECRET +FROM *\nTOKEN +file *\n$/);
  assert.equal((await secret("set", "demo", "--secret-from-env", "C")).stderr, "");
});

test("what is no secret is refused without being quoted", async () => {
  for (const option of ["--secret", "--secret-file"]) {
    const { calls, stdout, stderr } = await secret("set", "demo", option, "canary");
    assert.deepEqual(calls, []);
    assert.match(stderr, /is not NAME=(VALUE|PATH)/);
    assert.doesNotMatch(stdout + stderr, /canary/);
  }
});

test("secrets are listed by name and taken away by name", async () => {
  const listed = await secret("list", "demo", "--json");
  assert.deepEqual(JSON.parse(listed.stdout), {
    workspace_id: "ws-1",
    secrets: [{ name: "TOKEN", source_kind: "file", credential: null }],
  });
  const removed = await secret("rm", "demo", "TOKEN");
  assert.deepEqual(removed.calls, [["removeSecret", "demo", "TOKEN"]]);
  assert.equal(removed.stdout, "Removed secret TOKEN.\n");
});

const credential = {
  hosts: ["api.example.com"],
  methods: ["GET"],
  paths: null,
  variables: ["TOKEN"],
};

test("a credential is listed with where it is put in", async () => {
  const { pyro } = fakePyro({
    listSecrets: { workspaceId: "ws-1", secrets: [{ ...list.secrets[0], credential }] },
  });
  const { stdout } = await pyroCommand(["workspace", "secret", "list", "demo"], { pyro });
  assert.match(
    stdout,
    /^SECRET +FROM +PUT INTO REQUESTS TO *\nTOKEN +file +api\.example\.com methods=GET *\n$/,
  );
});

test("a credential is a secret with hosts, or ready-made, wherever its value comes from", async () => {
  const { calls, stderr } = await secret(
    ...["set", "demo", "--secret-file", "A=./a", "--credential-command", "B=pass show b"],
    ...["--credential", "A=api.example.com,*.example.org:8443 methods=GET,HEAD paths=/v1 as=X,Y"],
    ...["--credential", "B=b.example.com ttl=60 placeholder=b_{24}"],
    ...["--secret-from-env", "NPM_TOKEN=MINE", "--credential", "npm"],
  );
  assert.equal(stderr, "");
  assert.deepEqual(calls, [
    [
      "setSecrets",
      "demo",
      {
        secrets: [
          {
            ...{ name: "A", path: "./a" },
            credential: {
              hosts: ["api.example.com", "*.example.org:8443"],
              ...{ methods: ["GET", "HEAD"], paths: ["/v1"], variables: ["X", "Y"] },
            },
          },
          {
            ...{ name: "NPM_TOKEN", variable: "MINE" },
            credential: {
              hosts: ["registry.npmjs.org"],
              placeholder: "npm_{36}",
              variables: ["NPM_TOKEN", "NODE_AUTH_TOKEN"],
            },
          },
          {
            ...{ name: "B", command: "pass show b", ttlSeconds: 60 },
            credential: { hosts: ["b.example.com"], placeholder: "b_{24}" },
          },
        ],
      },
    ],
  ]);
});

test("what is no credential is refused with the way out", async () => {
  for (const [args, said] of [
    [["githob"], /no ready-made credential "githob"[\s\S]*Did you mean github/],
    [[""], /is no credential[\s\S]*NAME=HOST/],
    [["=a.example"], /is no credential[\s\S]*NAME=HOST/],
    [["A="], /is no credential[\s\S]*NAME=HOST/],
    [
      ["A=a.example method=GET"],
      /"method=GET" is nothing that --credential "A=a.example" may say[\s\S]*Did you mean methods=/,
    ],
    [
      ["npm"],
      /npm has no value: NPM_TOKEN and NODE_AUTH_TOKEN are not set[\s\S]*--secret-file NPM_TOKEN=PATH/,
    ],
    [["A=a.example GET"], /After the hosts come methods=/],
    [["A=a.example methods=GET methods=PUT"], /once, as a list/],
    [["A=a.example ttl=soon"], /whole seconds/],
    [["A=a.example"], /The credential A has no value[\s\S]*--secret-file A=PATH/],
    [["A=a.example", "--credential", "A=b.example"], /given twice[\s\S]*all its hosts at once/],
    [["A=a.example ttl=9", "--secret-from-env", "A"], /has a ttl, but its value is not printed/],
  ] as const) {
    const { calls, stderr } = await secret("set", "demo", "--credential", ...args);
    assert.deepEqual(calls, []);
    assert.match(stderr, said);
  }
  const { stderr } = await secret("set", "demo", "--credential-command", "canary");
  assert.match(stderr, /is not NAME=COMMAND/);
  assert.doesNotMatch(stderr, /canary/);
});
