import { askedRules } from "./asked-rules.ts";
import type { OpenedRule } from "./opened-rule.ts";

const selfRunningRules: readonly Omit<OpenedRule, "runs">[] = [
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
    patterns: `
      .gitconfig .config/git/** .config/gh/** .config/jj/** .jjconfig.toml .hgrc .config/hg/**`,
    category: "git",
    why: "version control takes commands to run from its user's configuration",
  },
  {
    patterns: `
      .hg/hgrc .hg/hgrc-not-shared .hg/sharedpath .jj/repo .jj/repo/config.toml .jj/repo/store/**
      .sl/config .bzr/**/*.conf _darcs/prefs/** .pijul/config .svn/wc.db`,
    category: "git",
    why: "version control takes hooks and commands from it, or where it finds them",
  },
  {
    patterns: `
      .husky/** .githooks/** .git-hooks/** .pre-commit-config.yaml .pre-commit-config.yml
      prek.toml lefthook.* .lefthook.* lefthook-local.* .lefthook-local.* .config/lefthook.*
      .lefthook/** .overcommit.yml .cz.toml cz.toml .simple-git-hooks.* simple-git-hooks.* hk.pkl
      captainhook.json grumphp.yml grumphp.yml.dist .lintstagedrc .lintstagedrc.* lint-staged.config.*
      .commitlintrc .commitlintrc.* commitlint.config.* .nano-staged.* nano-staged.*`,
    category: "git",
    why: "its commands run on commits and pushes",
  },
  {
    patterns: `
      .envrc .envrc.local .envrc.private .env .autoenv .autoenv.zsh .autoenv_leave.zsh .in .out
      .autoenvrc`,
    category: "shell",
    why: "shell extensions load it when somebody enters the directory",
  },
  {
    patterns: `
      .tool-versions mise.toml .mise.toml mise.*.toml .mise.*.toml mise/**/*.toml .mise/**
      .config/mise.toml .config/mise/** .rtx.toml .asdfrc .sdkmanrc`,
    category: "shell",
    why: "version managers install and run what it names when somebody enters the directory",
  },
  {
    patterns: `
      .bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zshenv
      .zprofile .zlogin .zlogout .kshrc .cshrc .tcshrc .login .logout .inputrc .config/fish/**
      .config/nushell/** .xonshrc .oh-my-zsh/** .xinitrc .xsession .xsessionrc .xprofile
      .pam_environment .config/environment.d/** .config/autostart/** .config/systemd/**
      .local/share/applications/** .local/share/systemd/** .local/bin/** .ssh/** .gnupg/**
      .tmux.conf .config/tmux/** .screenrc .curlrc .wgetrc .netrc .config/direnv/** *.desktop
      autorun.inf desktop.ini`,
    category: "shell",
    why: "shells, desktops and their tools load it when somebody logs in or opens the directory",
  },
  {
    patterns: `
      .gdbinit .gdbearlyinit *-gdb.py .lldbinit .lldbinit-* .radare2rc .rizinrc .irbrc .pryrc
      .byebugrc .rdbgrc .rprofile .renviron .ghci .iex.exs .iex.local.exs .ocamlinit .utoprc
      .octaverc .guile .julia/** .pythonrc .pythonrc.py .pystartup .pdbrc .ipython/**
      ipython_config.py .psqlrc .sqliterc .duckdbrc .my.cnf .mylogin.cnf .nrepl.edn .jupyter/**
      jupyter_*_config.* .jshellrc`,
    category: "shell",
    why: "debuggers, interpreters and database shells run it when they are started there",
  },
  {
    patterns: ".vscode/*.json .vscode/**/*.json .vscode-server/**",
    category: "editor",
    why: "VS Code takes tasks, programs and their paths from it",
  },
  {
    patterns: "*.code-workspace",
    category: "editor",
    why: "VS Code takes settings and tasks from it",
  },
  {
    patterns: ".idea/**/*.xml .idea/** *.iml *.ipr *.iws .run/*.xml .run/** .fleet/**",
    category: "editor",
    why: "JetBrains editors take run configurations and startup tasks from it",
  },
  {
    patterns: `
      .devcontainer/** .devcontainer.json .gitpod.yml .gitpod.yaml .gitpod.dockerfile .gitpod/**
      .codesandbox/** .idx/** .replit replit.nix .stackblitzrc .ona/** devfile.yaml .devfile.yaml`,
    category: "editor",
    why: "editors run the commands in it when they open the directory as a container",
  },
  {
    patterns: `
      .vimrc _vimrc .gvimrc _gvimrc .nvimrc .exrc _exrc .nvim.lua .vim/** .nvim/** .config/nvim/**
      .local.vimrc .lvimrc .vimspector.json .projections.json .neoconf.json .nlsp.json
      .nlsp-settings/** .lazy.lua .dir-locals.el .dir-locals-2.el .dir-locals.*.el .emacs
      .emacs.el .emacs.d/** .spacemacs .projectile .zed/** .config/zed/** .helix/**
      .config/helix/** .kakrc .lapce/** .sublime-project *.sublime-project *.sublime-workspace
      *.sublime-settings .kateproject .kateconfig .nova/** .theia/** .nanorc`,
    category: "editor",
    why: "editors can run code in it when they open the directory",
  },
  {
    patterns: `
      .project .classpath .factorypath .settings/** .externaltoolbuilders/** nbproject/** .vs/**
      *.suo .metals/** .bloop/** .bsp/** .ccls .clangd .ycm_extra_conf.py`,
    category: "editor",
    why: "editors and language servers run builders and programs that it names when they open the directory",
  },
  {
    patterns: `
      .claude/** .claude.json .claude-plugin/** .mcp.json mcp.json .codex/** .codex-plugin/**
      .cursor/** .cursor-plugin/** .gemini/** .qwen/** .iflow/** .windsurf/** .codeium/** .kiro/**
      .continue/** .continuerc.json .aider.conf.yml .aider.model.settings.yml .aider/** .roo/**
      .roomodes .kilocode/** .kilocodemodes .cline/** .amazonq/** .aws/amazonq/** .junie/**
      .trae/** .goose/** .config/goose/** opencode.json opencode.jsonc .opencode/**
      .config/opencode/** .opencode.json crush.json .crush.json .crush/** .amp/** .config/amp/**
      .augment/** .copilot/** .github/hooks/** .factory/** .warp/** .zencoder/** .tabnine/**
      .pi/** .agents/** .agent/** .openhands/** .devin/** .vibe/** .void/** .cody/**
      .sourcegraph/** .supermaven/** .ruler/** .rovodev/** .qodo/** .sweep/** .antigravity/**
      .mcp/** .forge.yaml forge.yaml .letta/** .grok/** .codebuddy/** .qoder/** .lingma/**
      .serena/** .taskmaster/** .swarm/** .plandex/** .open-interpreter/**`,
    category: "agent",
    why: "coding agents take hooks, servers to start and permissions from it",
  },
  {
    patterns: `
      claude.md claude.local.md .claude.md agents.md agents.override.md agents.local.md agent.md
      gemini.md qwen.md crush.md warp.md iflow.md .cursorrules .windsurfrules .clinerules
      .clinerules/** .roorules .roorules-* .kilocoderules .goosehints .rules .aiderrules
      .augment-guidelines .github/copilot-instructions.md .github/instructions/**
      .github/prompts/** .github/agents/** .github/chatmodes/** .github/skills/**
      .github/copilot/**`,
    category: "agent",
    why: "coding agents follow what it says",
  },
];

/** The one list of what runs when a tree is used; the first rule that matches a path gives its reason. */
export const openedRules: readonly OpenedRule[] = [
  ...selfRunningRules.map((rule) => ({ ...rule, runs: "by_itself" as const })),
  ...askedRules.map((rule) => ({ ...rule, runs: "when_asked" as const })),
];
