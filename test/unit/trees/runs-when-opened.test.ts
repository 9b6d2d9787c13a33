import assert from "node:assert/strict";
import { test } from "node:test";
import { openedRules } from "../../../src/trees/opened-rules.ts";
import { runsWhenOpened } from "../../../src/trees/runs-when-opened.ts";

const expected: ReadonlyArray<readonly [category: string, paths: string]> = [
  [
    "git",
    ".git/hooks/pre-commit .git/config sub/.git/config .git/modules/x/hooks/post-checkout .git/modules/x/config .gitmodules a/.gitattributes mirror.git/hooks/update .husky/pre-push .pre-commit-config.yaml .GIT/Hooks/x",
  ],
  ["shell", ".envrc a/b/.envrc .tool-versions mise.toml"],
  [
    "editor",
    ".vscode/tasks.json .vscode/settings.json .vscode/launch.json .idea/runConfigurations/x.xml .idea/workspace.xml .devcontainer/devcontainer.json .devcontainer.json x.code-workspace .vimrc .exrc",
  ],
  [
    "package",
    "package.json a/package.json .npmrc .yarnrc .yarnrc.yml .pnp.cjs package-lock.json pnpm-lock.yaml yarn.lock Cargo.lock poetry.lock uv.lock go.sum Gemfile.lock Makefile setup.py tests/conftest.py build.rs .cargo/config .cargo/config.toml",
  ],
  ["ci", ".github/workflows/x.yml .gitlab-ci.yml .circleci/config.yml Jenkinsfile"],
  [
    "agent",
    ".claude/settings.json .claude/settings.local.json .mcp.json .codex/config.toml .cursor/mcp.json CLAUDE.md a/AGENTS.md",
  ],
];

for (const [category, paths] of expected)
  test(`files that run through ${category} are known, at any depth and in any case`, () => {
    for (const path of paths.split(" ")) {
      assert.equal(runsWhenOpened(path)?.category, category, path);
      assert.equal(runsWhenOpened(`deep/down/${path.toUpperCase()}`)?.category, category, path);
    }
  });

test("ordinary files are not taken for something that runs", () => {
  const paths =
    "README.md src/hooks/useState.ts src/config config docs/makefile.md .editorconfig a.xml xpackage.json package.json.bak .git/HEAD .git/objects/ab/cd .vscode/notes.txt environment .gitignore src/main.py";
  for (const path of ["", ...paths.split(" ")]) assert.equal(runsWhenOpened(path), undefined, path);
});

test("every rule says why, and no pattern has a character that cannot match", () => {
  for (const { patterns, why } of openedRules) {
    assert.match(why, /^\S.+[^.]$/);
    assert.equal(patterns, patterns.toLowerCase());
  }
});

test("200,000 paths are looked through within seconds", () => {
  const started = performance.now();
  for (let index = 0; index < 200_000; index++)
    runsWhenOpened(`node_modules/p${index}/lib/index.js`);
  assert.ok(performance.now() - started < 4000);
});
