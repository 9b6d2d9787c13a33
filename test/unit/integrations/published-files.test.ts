import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { version } from "../../../src/version.ts";
import { repository } from "../../support/home.ts";

const read = (name: string) => JSON.parse(readFileSync(join(repository, name), "utf8"));

test("everything that is published says the same name and version", () => {
  const packageJson = read("package.json");
  const server = read("server.json");
  const plugin = read(".claude-plugin/plugin.json");
  assert.equal(packageJson.version, version);
  assert.equal(server.version, version);
  assert.equal(plugin.version, version);
  assert.equal(server.name, packageJson.mcpName);
  const [published] = server.packages;
  assert.equal(published.identifier, packageJson.name);
  assert.equal(published.version, version);
  assert.ok(server.description.length <= 100);
  assert.deepEqual(plugin.mcpServers.pyro.args, ["mcp", "serve"]);
});

test("the skill is a skill, and what is listed exists", () => {
  const skill = readFileSync(join(repository, "skills/pyro/SKILL.md"), "utf8");
  const [, head = ""] = /^---\n([\s\S]*?)\n---\n/.exec(skill) ?? [];
  assert.match(head, /^name: pyro$/m);
  const [, description = ""] = /^description: (.+)$/m.exec(head) ?? [];
  assert.ok(description.length > 0 && description.length <= 1024);
  for (const name of ["skills", ".claude-plugin", "server.json"]) {
    assert.ok(read("package.json").files.includes(name), name);
    assert.ok(existsSync(join(repository, name)), name);
  }
});
