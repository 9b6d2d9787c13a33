import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { GuestPlace } from "./support/guest-place.ts";

let place: GuestPlace;

before(async () => {
  place = await GuestPlace.open();
  await place.workspaces.home.pull("debian:12");
  const file = '[network]\nonly = ["registries"]\ndeny = ["pypi.org"]\n';
  writeFileSync(join(place.project, ".pyro.toml"), file);
});

after(async () => {
  await place.assertNothingLeft();
  await place[Symbol.asyncDispose]();
});

const network = { environment: "debian:12", network_policy: "egress" };
const onElicit = () => assert.fail("asked");
const short = "only registries; deny pypi.org";

/** What a workspace's command is told that wants to go where the project does not let it. */
async function expectRefusal(args: readonly string[]): Promise<void> {
  await using mcp = await place.connect(args, { onElicit });
  const made = await mcp.record("workspace_create", network);
  assert.deepEqual([made.network_preset, made.network_project_file], ["open", short]);
  const at = { workspace_id: made.workspace_id };
  const { text } = await mcp.bulk("workspace_exec", {
    ...at,
    command: "curl -sS http://telemetry.example/; curl -sS http://pypi.org/",
  });
  assert.match(
    text,
    /Denied by the network rules: telemetry\.example:80 \(\.pyro\.toml: only registries\), pypi\.org:80 \(\.pyro\.toml: deny pypi\.org\)\. The project's own file refuses it, and no rule changes that\. Change \.pyro\.toml in the project/,
  );
  assert.doesNotMatch(text, /Asked|network allow/);
  const status = await mcp.record("workspace_status", at);
  assert.equal(status.network_project_file, short);
  await mcp.record("workspace_delete", at);
}

test("the project around the server tightens its workspaces, and nobody is asked to loosen that", () =>
  expectRefusal([]));

test("so does the repository that the server starts workspaces from", async () => {
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@a.example", ...args], {
      cwd: place.project,
    });
  git("init", "-q");
  git("add", ".pyro.toml", "hello.txt");
  git("commit", "-qm", "one");
  await expectRefusal(["--repo-url", place.project]);
});
