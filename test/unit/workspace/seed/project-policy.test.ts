import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { defaultEgressPolicy, type EgressPolicy } from "../../../../src/model/egress.ts";
import { asPyroError } from "../../../../src/model/errors.ts";
import type { NetworkPolicy } from "../../../../src/model/machine-options.ts";
import { policyHere } from "../../../../src/network/policy.ts";
import { BaselineWriter } from "../../../../src/trees/baseline-writer.ts";
import { tightenPolicy } from "../../../../src/workspace/seed/project-policy.ts";
import { openSeedSource } from "../../../../src/workspace/seed/seed-source.ts";

let place: string;
let tree: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "pyro-project-"));
  tree = join(place, "tree");
  mkdirSync(join(tree, "sub"), { recursive: true });
  writeFileSync(join(tree, "README"), "x");
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const file = (...lines: readonly string[]) => `[network]\n${lines.join("\n")}\n`;
const write = (text: string, name = ".pyro.toml") => writeFileSync(join(tree, name), text);

interface Asked {
  readonly egress?: EgressPolicy;
  readonly networkPolicy?: NetworkPolicy;
  readonly path?: string;
  readonly respectGitignore?: boolean;
}

let count = 0;

/** What a workspace seeded from the tree, or what is at `path`, would have; undefined for what was asked. */
async function tightened(asked: Asked = {}): Promise<EgressPolicy | undefined> {
  const { egress = defaultEgressPolicy, networkPolicy = "egress", path = tree, ...options } = asked;
  const baselineDirectory = join(place, `baseline-${count++}`);
  mkdirSync(baselineDirectory);
  const { items, seen } = (await openSeedSource(path, options)).read();
  const writer = await BaselineWriter.create(baselineDirectory);
  for await (const { content } of writer.record(items)) for await (const _ of content ?? []);
  await writer.finish();
  let kept: EgressPolicy | undefined;
  const workspaces = {
    changeEgress: (_: string, change: (current: EgressPolicy) => EgressPolicy) => {
      kept = change(egress);
    },
  };
  const row = { workspaceId: "ws-1", networkPolicy };
  await tightenPolicy(workspaces, row, { seen, baselineDirectory });
  return kept;
}

async function refusal(asked: Asked = {}): Promise<string> {
  const { code, message } = await tightened(asked).then(
    () => assert.fail("accepted"),
    (error: unknown) => asPyroError(error),
  );
  assert.equal(code, "project_file_refused", message);
  return message;
}

function pack(name: string, ...members: readonly string[]): string {
  const path = join(place, name);
  execFileSync("tar", ["-czf", path, "-C", tree, ...members]);
  return path;
}

test("a tree's own file is kept beside what was asked for, from a directory and from an archive", async () => {
  assert.equal(await tightened(), undefined);
  write(file('only = ["a.example"]', 'deny = ["b.example"]'));
  const project = { only: ["a.example"], deny: ["b.example"] };
  assert.deepEqual(await tightened(), { ...defaultEgressPolicy, project });
  const asked = policyHere(
    { preset: "none", rules: ["allow a.example", "deny c.example"] },
    { temporaryRules: [{ rule: "allow d.example", until: "2099-01-01T00:00:00.000Z" }] },
  );
  const policies = ["egress", "egress+published-ports"] as const;
  for (const networkPolicy of policies)
    assert.deepEqual(await tightened({ egress: asked, networkPolicy }), { ...asked, project });
  assert.deepEqual((await tightened({ path: pack("whole.tar.gz", ".") }))?.project, project);
  assert.deepEqual((await tightened({ path: pack("one.tgz", ".pyro.toml") }))?.project, project);
});

test("registries that only the file names are this machine's own as well", async (t) => {
  const before = process.env.PIP_INDEX_URL;
  process.env.PIP_INDEX_URL = "https://mirror.corp.example:8443/simple";
  t.after(() => {
    if (before === undefined) delete process.env.PIP_INDEX_URL;
    else process.env.PIP_INDEX_URL = before;
  });
  for (const list of ["only", "deny"]) {
    write(file(`${list} = ["registries:443,8443"]`));
    assert.ok((await tightened())?.ownRegistries.includes("mirror.corp.example:8443"), list);
  }
  write(file('deny = ["a.example"]'));
  assert.deepEqual((await tightened())?.ownRegistries, []);
});

test("it matters nowhere else, and where nothing is let out it is not even read", async () => {
  write(file('only = ["a.example"]'), join("sub", ".pyro.toml"));
  assert.equal(await tightened(), undefined);
  assert.equal(await tightened({ path: pack("below.tar.gz", "sub") }), undefined);
  write("no TOML at all");
  for (const networkPolicy of ["off", "published-ports"] as const)
    assert.equal(await tightened({ networkPolicy }), undefined);
  assert.match(await refusal(), /line 1, column/);
  rmSync(join(tree, ".pyro.toml"));
  write(file("deny = []"));
  assert.equal((await tightened())?.project, null);
});

test("a further name of a file is one, and nothing else is", async () => {
  write(file('deny = ["a.example"]'), "A");
  execFileSync("ln", [join(tree, "A"), join(tree, ".pyro.toml")]);
  const project = { only: null, deny: ["a.example"] };
  assert.deepEqual((await tightened())?.project, project);
  assert.deepEqual((await tightened({ path: pack("linked.tar.gz", ".") }))?.project, project);
  rmSync(join(tree, ".pyro.toml"));

  symlinkSync("A", join(tree, ".pyro.toml"));
  assert.match(await refusal(), /it is a symlink, not a file/);
  assert.match(await refusal({ path: pack("symlink.tgz", ".") }), /it is a symlink, not a file/);
  rmSync(join(tree, ".pyro.toml"));
  symlinkSync("/etc/passwd", join(tree, ".pyro.toml"));
  assert.match(await refusal(), /it is a symlink, not a file/);
  rmSync(join(tree, ".pyro.toml"));
  mkdirSync(join(tree, ".pyro.toml"));
  assert.match(await refusal(), /it is a directory, not a file/);
  assert.match(await refusal({ path: pack("dir.tgz", ".") }), /it is a directory, not a file/);
  rmSync(join(tree, ".pyro.toml"), { recursive: true });
  execFileSync("mkfifo", [join(tree, ".pyro.toml")]);
  assert.match(await refusal(), /it could not be read/);
});

test("it is bounded, whatever it holds", async () => {
  write(`${file('deny = ["a.example"]')}#`.padEnd(64 * 1024, "x"));
  assert.deepEqual((await tightened())?.project?.deny, ["a.example"]);
  write(`${file('deny = ["a.example"]')}#`.padEnd(64 * 1024 + 1, "x"));
  assert.match(await refusal(), /it has 65537 bytes, and 65536 are the limit/);
  execFileSync("truncate", ["-s", "64M", join(tree, ".pyro.toml")]);
  assert.match(await refusal(), /it has 67108864 bytes/);
});

test("one that a rule keeps out of the tree does not count", async () => {
  write(file('only = ["a.example"]'));
  writeFileSync(join(tree, ".gitignore"), ".pyro.toml\n");
  assert.equal(await tightened({ respectGitignore: true }), undefined);
  assert.deepEqual((await tightened())?.project?.only, ["a.example"]);
});
