import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
  ...["ca-certificates", "curl", "wget", "git", "cargo", "nodejs"],
  ...["python3-requests", "python3-httpx", "default-jdk-headless", "chromium"],
];

const goSource = `package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	request, _ := http.NewRequest("GET", os.Args[1], nil)
	request.Header.Set("authorization", "Bearer "+os.Getenv("TOKEN"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	io.Copy(os.Stdout, answer.Body)
}
`;

const javaSource = `import java.net.URI;
import java.net.http.*;

public class Fetch {
  public static void main(String[] args) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(args[0])).header("authorization", "Bearer " + System.getenv("TOKEN")).build();
    System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
  }
}
`;

const header = '"authorization: Bearer $TOKEN"';
const clients: Readonly<Record<string, string>> = {
  "Node fetch": `node -e 'fetch("${url}", { headers: { authorization: "Bearer " + process.env.TOKEN } }).then((r) => r.text()).then((t) => process.stdout.write(t))'`,
  requests: `python3 -c 'import os, requests; print(requests.get("${url}", headers={"authorization": "Bearer " + os.environ["TOKEN"]}).text, end="")'`,
  httpx: `python3 -c 'import os, httpx; print(httpx.get("${url}", headers={"authorization": "Bearer " + os.environ["TOKEN"]}).text, end="")'`,
  wget: `wget -qO- --header ${header} ${url}`,
  curl: `curl -sS -H ${header} ${url}`,
  Go: `./fetch-go ${url}`,
  "Java HttpClient": `java Fetch.java ${url}`,
};

describe("clients that trust by lists of their own", { skip: outsideSkip }, () => {
  let ws: TestWorkspaces;
  let id: string;
  let forge: Forge;
  const parts = new AsyncDisposableStack();
  before(async () => {
    const outside = parts.use(await Outside.open());
    forge = parts.use(await Forge.open(outside, host, token));
    ws = await TestWorkspaces.open((home) =>
      remotePyro(home.env, `${outside.mounts} && ${forge.mounts}`),
    );
    parts.use(ws);
    const environment = await environmentWith(ws.home, packages);
    const seedPath = ws.path("programs");
    mkdirSync(seedPath);
    for (const [name, text] of Object.entries({ "fetch.go": goSource, "Fetch.java": javaSource }))
      writeFileSync(join(seedPath, name), text);
    execFileSync("go", ["build", "-o", "fetch-go", "fetch.go"], {
      cwd: seedPath,
      env: { ...process.env, CGO_ENABLED: "0" },
    });
    ({ workspaceId: id } = await ws.create({
      ...{ environment, memMib: 2048, seedPath, networkPolicy: "egress", allowHosts: [host] },
      secrets: [{ name: "TOKEN", value: token, credential: { hosts: [host] } }],
    }));
  });
  after(async () => {
    await using _ = parts;
    await ws.assertNothingLeft();
  });

  for (const [name, line] of Object.entries(clients))
    it(`${name} speaks with the host of a credential`, async () => {
      assert.equal(await ws.sh(id, line, 280), "somebody\n");
    });

  // One that trusts nobody sends nothing. An emulated guest may be too slow for it to show the page before it gives up.
  it("Chromium speaks with the host of a credential", async () => {
    const before = forge.requests.length;
    const browse = "timeout 200 chromium --headless --no-sandbox --disable-gpu --dump-dom";
    const command = ["sh", "-c", `${browse} "${url}?token=$TOKEN" 2>&1 | tail -c 2000`];
    const { stdout } = await ws.pyro.execWorkspace(id, { command, timeoutSeconds: 280 });
    assert.ok(forge.requests.slice(before).includes(`token GET ${host}/whoami`), stdout);
  });

  it("git speaks with the host of a credential", async () => {
    assert.equal(await ws.sh(id, `git ls-remote ${forge.repositoryUrl}`, 100), "");
    assert.ok(forge.requests.some((line) => /^token GET .*\/info\/refs$/.test(line)));
  });

  it("cargo speaks with the host of a credential", async () => {
    const settings = {
      CARGO_REGISTRIES_OWN_INDEX: `sparse+https://${host}/index/`,
      CARGO_REGISTRIES_OWN_CREDENTIAL_PROVIDER: "cargo:token",
    };
    const { stderr } = await ws.pyro.execWorkspace(id, {
      command: [
        ...["sh", "-c"],
        'CARGO_REGISTRIES_OWN_TOKEN="Bearer $TOKEN" cargo info --registry own anything',
      ],
      env: settings,
      timeoutSeconds: 100,
    });
    const index = `GET ${host}/index/config.json`;
    assert.ok(forge.requests.includes(`token ${index}`), `${stderr}\n${forge.requests.join("\n")}`);
  });
});
