export type RunCategory = "git" | "shell" | "editor" | "package" | "ci" | "agent";

export interface OpenedRule {
  /**
   * Separated by blanks, in lower case, matched at every depth; `*` stands for anything within a name, `**` for any
   * directories.
   */
  readonly patterns: string;
  readonly category: RunCategory;
  /** When and what. */
  readonly why: string;
}

/** The one list of what runs when a tree is used; the first rule that matches a path gives its reason. */
export const openedRules: readonly OpenedRule[] = [
  {
    patterns: ".git/hooks/* *.git/hooks/* .git/**/hooks/*",
    category: "git",
    why: "git runs it as a hook when its directory is, or becomes, a repository's",
  },
  {
    patterns: ".git .git/config .git/config.worktree .git/commondir .git/gitdir",
    category: "git",
    why: "git takes commands to run from a repository's configuration",
  },
  {
    patterns: ".git/**/config .git/**/config.worktree .git/info/attributes",
    category: "git",
    why: "git takes commands to run from the configuration of submodules and worktrees",
  },
  {
    patterns: ".gitmodules",
    category: "git",
    why: "git fetches from the addresses in it when submodules are updated",
  },
  {
    patterns: ".gitattributes",
    category: "git",
    why: "it chooses the filters and merge drivers that git runs on files",
  },
  {
    patterns: ".lfsconfig",
    category: "git",
    why: "it chooses the server that git-lfs speaks to",
  },
  {
    patterns: ".envrc .env .autoenv .autoenv.zsh .in .out",
    category: "shell",
    why: "shell extensions load it when somebody enters the directory",
  },
  {
    patterns: `
      .tool-versions mise.toml .mise.toml mise.*.toml .mise.*.toml mise/**/*.toml
      .mise/**/*.toml`,
    category: "shell",
    why: "version managers install and run what it names when somebody enters the directory",
  },
  {
    patterns: `
      .vscode/tasks.json .vscode/settings.json .vscode/launch.json .vscode/extensions.json
      .vscode/mcp.json`,
    category: "editor",
    why: "VS Code takes tasks, programs and their paths from it",
  },
  {
    patterns: "*.code-workspace",
    category: "editor",
    why: "VS Code takes settings and tasks from it",
  },
  {
    patterns: ".idea/**/*.xml *.iml .run/*.xml",
    category: "editor",
    why: "JetBrains editors take run configurations and startup tasks from it",
  },
  {
    patterns: ".devcontainer/** .devcontainer.json",
    category: "editor",
    why: "editors run the commands in it when they open the directory as a container",
  },
  {
    patterns: `
      .vimrc .nvimrc .exrc .nvim.lua .dir-locals.el .dir-locals-2.el .zed/** .sublime-project
      *.sublime-project`,
    category: "editor",
    why: "editors can run code in it when they open the directory",
  },
  {
    patterns: `
      .husky/** .pre-commit-config.yaml .pre-commit-config.yml lefthook.yml lefthook.yaml
      .lefthook.yml .overcommit.yml`,
    category: "git",
    why: "its commands run on commits and pushes",
  },
  {
    patterns: "package.json",
    category: "package",
    why: "package managers run its scripts on installation",
  },
  {
    patterns: `
      .npmrc .yarnrc .yarnrc.* .yarn/plugins/** .yarn/releases/** .pnp.cjs .pnp.loader.mjs
      .pnpmfile.cjs pnpm-workspace.yaml bunfig.toml .bunfig.toml`,
    category: "package",
    why: "JavaScript package managers load it, or take registries and programs from it",
  },
  {
    patterns: `
      package-lock.json npm-shrinkwrap.json pnpm-lock.yaml yarn.lock bun.lock bun.lockb
      cargo.lock poetry.lock uv.lock pipfile.lock pdm.lock pylock.toml go.sum gemfile.lock
      composer.lock flake.lock`,
    category: "package",
    why: "package managers install exactly what it names",
  },
  {
    patterns: `
      setup.py setup.cfg pyproject.toml conftest.py sitecustomize.py usercustomize.py *.pth
      noxfile.py tox.ini requirements*.txt pip.conf`,
    category: "package",
    why: "Python tools run it, or what it names, on installation or tests",
  },
  {
    patterns:
      "cargo.toml build.rs .cargo/config .cargo/config.toml rust-toolchain rust-toolchain.toml",
    category: "package",
    why: "cargo runs it, or takes programs to run from it, on every build",
  },
  {
    patterns: `
      gemfile *.gemspec rakefile .bundle/config composer.json build.gradle build.gradle.kts
      settings.gradle settings.gradle.kts gradlew gradle/wrapper/** mvnw .mvn/** pom.xml
      go.mod go.work flake.nix shell.nix default.nix`,
    category: "package",
    why: "build and package tools run it, or fetch what it names",
  },
  {
    patterns: `
      makefile gnumakefile *.mk cmakelists.txt cmakepresets.json justfile .justfile
      taskfile.yml taskfile.yaml configure`,
    category: "package",
    why: "its commands run on the next build",
  },
  {
    patterns: `
      .github/workflows/* .github/actions/** .gitlab-ci.yml .circleci/** jenkinsfile
      .travis.yml azure-pipelines.yml bitbucket-pipelines.yml .drone.yml .buildkite/**
      .woodpecker/** .woodpecker.yml .forgejo/workflows/* .gitea/workflows/* appveyor.yml`,
    category: "ci",
    why: "a build server runs it, often with secrets, once it is pushed",
  },
  {
    patterns: `
      .claude/** .mcp.json .codex/** .cursor/** .gemini/** .windsurf/** .kiro/** .continue/**
      .aider.conf.yml .roo/**`,
    category: "agent",
    why: "coding agents take hooks, servers to start and permissions from it",
  },
  {
    patterns: `
      claude.md claude.local.md agents.md agents.override.md gemini.md .cursorrules
      .windsurfrules .clinerules .clinerules/** .github/copilot-instructions.md
      .github/instructions/**`,
    category: "agent",
    why: "coding agents follow what it says",
  },
];
