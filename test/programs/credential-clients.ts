import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { Forge } from "../support/forge.ts";
import { Outside, outsideSkip } from "../support/outside.ts";
import { environmentWith } from "../support/programs-environment.ts";
import { remotePyro } from "../support/remote-pyro.ts";
import { TestWorkspaces } from "../support/workspaces.ts";

// Programs that have lists of their own of whom to trust, or read the system's in ways of their own.

const host = "forge.example";
const url = `https://${host}/whoami`;
const token = `real${randomBytes(20).toString("hex")}`;
const packages = [
  ...["ca-certificates", "nodejs"],
  ...["python3-requests", "python3-httpx", "wget"],
];
const header = '"authorization: Bearer $TOKEN"';
const clients: Readonly<Record<string, string>> = {
  "Node fetch": `node -e 'fetch("${url}", { headers: { authorization: "Bearer " + process.env.TOKEN } }).then((r) => r.text()).then((t) => process.stdout.write(t))'`,
  requests: `python3 -c 'import os, requests; print(requests.get("${url}", headers={"authorization": "Bearer " + os.environ["TOKEN"]}).text, end="")'`,
  httpx: `python3 -c 'import os, httpx; print(httpx.get("${url}", headers={"authorization": "Bearer " + os.environ["TOKEN"]}).text, end="")'`,
  wget: `wget -qO- --header ${header} ${url}`,
};

describe("clients that trust by lists of their own", { skip: outsideSkip }, () => {
  let ws: TestWorkspaces;
  let id: string;
  const parts = new AsyncDisposableStack();
  before(async () => {
    const outside = parts.use(await Outside.open());
    const forge = parts.use(await Forge.open(outside, host, token));
    ws = await TestWorkspaces.open((home) =>
      remotePyro(home.env, `${outside.mounts} && ${forge.mounts}`),
    );
    parts.use(ws);
    const environment = await environmentWith(ws.home, packages);
    ({ workspaceId: id } = await ws.create({
      ...{ environment, networkPolicy: "egress", allowHosts: [host] },
      secrets: [{ name: "TOKEN", value: token, credential: { hosts: [host] } }],
    }));
  });
  after(async () => {
    await using _ = parts;
    await ws.assertNothingLeft();
  });

  for (const [name, line] of Object.entries(clients))
    it(`${name} speaks with the host of a credential`, async () => {
      assert.equal(await ws.sh(id, line, 180), "somebody\n");
    });
});
