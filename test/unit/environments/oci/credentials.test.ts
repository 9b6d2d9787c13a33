import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readCredentials } from "../../../../src/environments/oci/credentials.ts";
import { temporaryDirectory } from "../../../support/registry-pull.ts";

const ada = { auth: Buffer.from("ada:pass:word").toString("base64") };
const found = { credentials: { username: "ada", password: "pass:word" }, note: undefined };
const nothing = { credentials: undefined, note: undefined };

describe("readCredentials", () => {
  const keys: ReadonlyArray<readonly [registry: string, key: string]> = [
    ["localhost:5000", "localhost:5000"],
    ["ghcr.io", "https://ghcr.io"],
    ["ghcr.io", "https://ghcr.io/v2/"],
    ["docker.io", "https://index.docker.io/v1/"],
    ["docker.io", "docker.io"],
  ];
  for (const [registry, key] of keys)
    it(`finds ${registry} under ${key}`, async (test) => {
      const path = join(await temporaryDirectory(test), "config.json");
      await writeFile(path, JSON.stringify({ auths: { [key]: ada }, credsStore: "pass" }));
      assert.deepEqual(await readCredentials(path, registry), found);
    });

  it("gives a registry no other registry's password", async (test) => {
    const path = join(await temporaryDirectory(test), "config.json");
    await writeFile(path, JSON.stringify({ auths: { "ghcr.io": ada, "localhost:5000": ada } }));
    for (const other of ["docker.io", "evil.ghcr.io", "ghcr.io.evil", "ghcr.io:444", "localhost"])
      assert.deepEqual(await readCredentials(path, other), nothing);
    assert.deepEqual(await readCredentials(path, "__proto__"), nothing);
  });

  it("takes a user name and a password apart", async (test) => {
    const path = join(await temporaryDirectory(test), "config.json");
    const entry = { username: "ada", password: "pass:word" };
    await writeFile(path, JSON.stringify({ auths: { "ghcr.io": entry } }));
    assert.deepEqual(await readCredentials(path, "ghcr.io"), found);
  });

  const notes: ReadonlyArray<readonly [content: string, note: RegExp]> = [
    ["{", /is not JSON\.$/],
    ['{"auths": hunter2}', /is not JSON\.$/],
    ["[]", /is not a JSON object/],
    [JSON.stringify({ credHelpers: { "ghcr.io": "gh" } }), /credential helper "gh"/],
    [JSON.stringify({ auths: { "ghcr.io": {} }, credsStore: "pass" }), /credential helper "pass"/],
    [JSON.stringify({ auths: { "ghcr.io": { identitytoken: "t" } } }), /identity token/],
    ["x".repeat(1024 * 1024 + 1), /too large/],
  ];
  for (const [content, note] of notes)
    it(`explains ${content.slice(0, 40)}`, async (test) => {
      const path = join(await temporaryDirectory(test), "config.json");
      await writeFile(path, content);
      const { credentials, note: said } = await readCredentials(path, "ghcr.io");
      assert.equal(credentials, undefined);
      assert.match(said ?? "", note);
      assert.doesNotMatch(said ?? "", /hunter2/);
    });

  it("has nothing to say without a file", async (test) => {
    const directory = await temporaryDirectory(test);
    assert.deepEqual(await readCredentials(join(directory, "absent"), "ghcr.io"), nothing);
    await mkdir(join(directory, "folder"));
    const { note } = await readCredentials(join(directory, "folder"), "ghcr.io");
    assert.match(note ?? "", /cannot be read \(EISDIR\)/);
  });

  it("ignores entries that are no credentials", async (test) => {
    const path = join(await temporaryDirectory(test), "config.json");
    for (const entry of [{ auth: "" }, { auth: "bm9jb2xvbg==" }, { auth: 5 }, null, "x"]) {
      await writeFile(path, JSON.stringify({ auths: { "ghcr.io": entry } }));
      assert.deepEqual(await readCredentials(path, "ghcr.io"), nothing);
    }
  });
});
