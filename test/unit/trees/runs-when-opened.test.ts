import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8 } from "../../../src/model/byte-path.ts";
import type { RunMoment } from "../../../src/trees/opened-rule.ts";
import { openedRules } from "../../../src/trees/opened-rules.ts";
import { OpenedCheck, runsWhenOpened } from "../../../src/trees/runs-when-opened.ts";

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
      assert.equal(runsWhenOpened({ path })?.category, category, path);
      const deep = `deep/down/${path.toUpperCase()}`;
      assert.equal(runsWhenOpened({ path: deep })?.category, category, path);
    }
  });

/** What is known of today's tools, by the moment at which it runs. */
const moments: ReadonlyArray<readonly [runs: RunMoment, names: string]> = [
  [
    "by_itself",
    `.git .git/config .git/hooks/pre-commit .git/modules/x/config .husky/pre-push .githooks/pre-commit lefthook.yml
    .pre-commit-config.yaml .hg/hgrc .jj/repo/config.toml .gitconfig .lintstagedrc.js commitlint.config.js`,
  ],
  [
    "by_itself",
    `.envrc .env .tool-versions mise.toml .mise/tasks/build .config/mise/config.toml .bashrc .zshenv .ssh/config
    .config/fish/config.fish .config/autostart/x.desktop .config/systemd/user/x.service .local/bin/ls`,
  ],
  [
    "by_itself",
    `.gdbinit .lldbinit .irbrc .pryrc .Rprofile .psqlrc .sqliterc .ghci .iex.exs .ocamlinit .tmux.conf
    .ipython/profile_default/startup/x.py .julia/config/startup.jl`,
  ],
  [
    "by_itself",
    `.vscode/tasks.json .vscode/settings.json .cursor/mcp.json .zed/settings.json .zed/tasks.json .idea/workspace.xml
    .fleet/run.json .nvim.lua .exrc .vimrc .helix/config.toml .helix/languages.toml .dir-locals.el x.sublime-project .project
    .devcontainer/devcontainer.json .gitpod.yml .idx/dev.nix .vs/x.suo x.code-workspace`,
  ],
  [
    "by_itself",
    `.claude/settings.json .claude/hooks/x.sh .codex/config.toml .gemini/settings.json opencode.json opencode.jsonc
    .opencode/plugin/x.ts .mcp.json .amazonq/cli-agents/x.json .junie/mcp/mcp.json .trae/mcp.json .goosehints .qwen/settings.json
    .kiro/hooks/x.kiro.hook .windsurf/hooks.json .continue/config.yaml .aider.conf.yml .roomodes .clinerules/x.md
    CLAUDE.md AGENTS.md GEMINI.md .cursorrules .rules .github/copilot-instructions.md .github/prompts/x.prompt.md .agents/skills/x/SKILL.md`,
  ],
  [
    "when_asked",
    `package.json .npmrc .yarnrc.yml .yarn/releases/yarn.cjs .pnpmfile.cjs bunfig.toml deno.json vite.config.ts
    vitest.config.ts jest.config.js babel.config.json .babelrc eslint.config.mjs .eslintrc.cjs .prettierrc.mjs webpack.config.js
    next.config.js tailwind.config.ts playwright.config.ts gulpfile.js Gruntfile.js nx.json turbo.json package-lock.json`,
  ],
  [
    "when_asked",
    `pyproject.toml setup.py conftest.py sitecustomize.py x.pth noxfile.py tox.ini pytest.ini requirements-dev.txt Pipfile
    tasks.py fabfile.py dodo.py SConstruct .python-version`,
  ],
  [
    "when_asked",
    `Cargo.toml build.rs .cargo/config.toml rust-toolchain.toml go.mod .golangci.yml magefile.go Gemfile Rakefile
    x.gemspec .rspec Guardfile .rubocop.yml composer.json phpunit.xml build.gradle gradlew gradle/wrapper/gradle-wrapper.jar
    .mvn/extensions.xml pom.xml build.sbt project.clj deps.edn`,
  ],
  [
    "when_asked",
    `x.csproj Directory.Build.props NuGet.config global.json mix.exs rebar.config stack.yaml dune build.zig pubspec.yaml
    Package.swift Podfile x.xcodeproj/project.pbxproj cpanfile Makefile.PL x.rockspec shard.yml x.nimble elm.json`,
  ],
  [
    "when_asked",
    `Makefile x.mk CMakeLists.txt x.cmake meson.build build.ninja configure Justfile Taskfile.yml Earthfile Tupfile
    BUILD BUILD.bazel WORKSPACE MODULE.bazel .bazelrc x.bzl BUCK pants.toml flake.nix shell.nix devenv.nix devbox.json`,
  ],
  [
    "when_asked",
    `Dockerfile Dockerfile.dev Containerfile compose.yaml docker-compose.yml docker-bake.hcl Vagrantfile Procfile Tiltfile
    skaffold.yaml main.tf serverless.yml Jenkinsfile .github/workflows/x.yml .gitlab-ci.yml .circleci/config.yml action.yml
    .buildkite/pipeline.yml azure-pipelines.yml netlify.toml vercel.json renovate.json`,
  ],
];

for (const [runs, names] of moments)
  for (const path of names.trim().split(/\s+/))
    test(`${path} runs ${runs}`, () => {
      assert.equal(runsWhenOpened({ path: `a/${path}` })?.runs, runs);
    });

const links: ReadonlyArray<readonly [path: string, runs: RunMoment | undefined]> = [
  [".git/hooks", "by_itself"],
  [".git/modules/x/hooks", "by_itself"],
  [".vscode", "by_itself"],
  ["a/.idea", "by_itself"],
  [".husky", "by_itself"],
  [".claude", "by_itself"],
  [".devcontainer", "by_itself"],
  [".config", "by_itself"],
  [".cargo", "when_asked"],
  [".github", "by_itself"],
  [".github/workflows", "when_asked"],
  ["gradle", "when_asked"],
  [".envrc", "by_itself"],
  ["src", undefined],
  ["hooks", undefined],
  ["docs/latest", undefined],
  ["node_modules/.bin", undefined],
];

for (const [path, runs] of links)
  test(`a link at ${path} ${runs === undefined ? "is only a link" : `runs ${runs}`}`, () => {
    assert.equal(runsWhenOpened({ path, type: "symlink" })?.runs, runs);
    assert.equal(runsWhenOpened({ path, type: "directory" }), undefined);
  });

test("a name counts as what a file system that is careless about names makes of it", () => {
  const names = [
    ".ENVRC",
    ".envrc.",
    ".envrc ",
    ".GIT./hooks/x",
    ".\u200cgit/config",
    ".\u212airo/x",
  ];
  for (const name of [...names, ".vscode/TA\u017fKS.json", ".g\ufe0fdbinit"])
    assert.equal(runsWhenOpened({ path: fromUtf8(name) })?.runs, "by_itself", name);
});

test("a tree is judged by what it is called where it comes from, and where it goes", () => {
  const of = (bases: readonly string[], path: string) => new OpenedCheck(bases).of({ path })?.runs;
  assert.equal(of(["", "/home/me/copy"], "tasks.json"), undefined);
  assert.equal(of([".vscode", "/home/me/copy"], "tasks.json"), "by_itself");
  assert.equal(of(["", "/home/me/.vscode"], "tasks.json"), "by_itself");
  assert.equal(of(["hooks", "/home/me/x/.git/hooks"], "post-checkout"), "by_itself");
  assert.equal(of(["workflows", "/home/me/x/.github/workflows"], "ci.yml"), "when_asked");
  assert.equal(of(["notes.txt", "/home/me/.envrc"], ""), "by_itself");
  assert.equal(of([".envrc", "/home/me/notes.txt"], ""), "by_itself");
  assert.equal(of(["Makefile", "/home/me/.envrc"], ""), "by_itself");
  assert.deepEqual(new OpenedCheck(["a", "/x/.husky"]).of({ path: "b/c" })?.path, "b/c");
});

test("what lies in an agent's checkout is not the agent's own", () => {
  for (const home of [".claude/worktrees/x", ".cursor/worktrees/x", ".codex/worktrees/1/x"]) {
    assert.equal(runsWhenOpened({ path: `${home}/src/main.py` }), undefined, home);
    assert.equal(runsWhenOpened({ path: `${home}/.envrc` })?.runs, "by_itself", home);
  }
});

test("ordinary files are not taken for something that runs", () => {
  const paths =
    "README.md src/hooks/useState.ts src/config config docs/makefile.md .editorconfig a.xml xpackage.json package.json.bak .git/HEAD .git/objects/ab/cd .vscode/notes.txt environment .gitignore src/main.py index.html src/build/index.ts description LICENSE data.csv x.service lib/utils.rb app/models/user.rb main.go src/lib.rs x.ipynb .env.example";
  for (const path of ["", ...paths.split(" ")])
    assert.equal(runsWhenOpened({ path }), undefined, path);
});

test("every rule says why, and no pattern has a character that cannot match, or comes twice", () => {
  const patterns = openedRules.flatMap((rule) => rule.patterns.trim().split(/\s+/));
  for (const { why } of openedRules) assert.match(why, /^\S.+[^.]$/);
  for (const pattern of patterns) assert.match(pattern, /^[a-z0-9._*+/-]+$/);
  assert.deepEqual(
    patterns.filter((pattern, index) => patterns.indexOf(pattern) !== index),
    [],
  );
});

test("200,000 paths are looked through within seconds", () => {
  const started = performance.now();
  for (let index = 0; index < 200_000; index++)
    runsWhenOpened({ path: `node_modules/p${index}/lib/index.js` });
  assert.ok(performance.now() - started < 4000);
});
