import type { OpenedRule } from "./opened-rule.ts";

/** What runs when somebody builds, installs, tests, or pushes; see `openedRules`. */
export const askedRules: readonly Omit<OpenedRule, "runs">[] = [
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
    patterns: `
      .gitreview .arcconfig .arclint .reviewboardrc .releaserc .releaserc.* release.config.*
      .release-it.*`,
    category: "git",
    why: "tools of review and release take servers or programs from it",
  },
  {
    patterns: `
      .python-version .ruby-version .java-version .node-version .go-version .terraform-version
      .php-version .perl-version .swift-version .xcode-version .bazelversion .bazeliskrc
      .opentofu-version`,
    category: "shell",
    why: "version managers choose by it which program runs under a name",
  },
  {
    patterns: "package.json package.json5 package.yaml deno.json deno.jsonc jsr.json",
    category: "package",
    why: "package managers run its scripts on installation",
  },
  {
    patterns: `
      .npmrc .yarnrc .yarnrc.* .yarn/plugins/** .yarn/releases/** .yarn/sdks/** .pnp.cjs .pnp.js
      .pnp.loader.mjs .pnpmfile.cjs .pnpmfile.mjs pnpmfile.cjs pnpm-workspace.yaml bunfig.toml
      .bunfig.toml lerna.json nx.json project.json turbo.json turbo.jsonc rush.json
      common/config/rush/** .rush/** .moon/** moon.yml wireit.json workspace.jsonc`,
    category: "package",
    why: "JavaScript package managers load it, or take registries and programs from it",
  },
  {
    patterns: `
      eslint.config.* .eslintrc .eslintrc.* .prettierrc .prettierrc.* prettier.config.*
      .stylelintrc .stylelintrc.* stylelint.config.* vite.config.* vitest.config.*
      vitest.workspace.* vitest.setup.* jest.config.* jest.setup.* jest-preset.* babel.config.*
      .babelrc .babelrc.* webpack.config.* webpack.*.js rollup.config.* rolldown.config.*
      rspack.config.* rsbuild.config.* rslib.config.* farm.config.* esbuild.config.* tsup.config.*
      tsdown.config.* unbuild.config.* build.config.* postcss.config.* .postcssrc .postcssrc.*
      tailwind.config.* uno.config.* next.config.* nuxt.config.* svelte.config.* astro.config.*
      remix.config.* react-router.config.* gatsby-*.js gatsby-*.ts vue.config.* angular.json
      ember-cli-build.* ember-cli-build.js metro.config.* app.config.* expo.config.*
      react-native.config.* electron.vite.config.* electron-builder.* forge.config.*
      capacitor.config.* playwright.config.* cypress.config.* cypress.json wdio.conf.*
      karma.conf.* protractor.conf.* nightwatch.conf.* ava.config.* .mocharc .mocharc.* .nycrc
      .nycrc.* c8.config.* tap.config.* jasmine.json cucumber.* codecept.conf.* .testcaferc.*
      gulpfile gulpfile.* gruntfile gruntfile.* jakefile jakefile.* .swcrc .oxlintrc.json
      oxlint.config.* .dependency-cruiser.* .size-limit.* size-limit.* .storybook/** tsconfig.json
      tsconfig.*.json jsconfig.json .remarkrc .remarkrc.* drizzle.config.* prisma.config.*
      knexfile.* ormconfig.* graphql.config.* .graphqlrc .graphqlrc.* sanity.config.* sanity.cli.*
      payload.config.* keystatic.config.* medusa-config.* hardhat.config.* truffle-config.*
      foundry.toml docusaurus.config.* .vuepress/** .vitepress/** vocs.config.* rspress.config.*
      .eleventy.* eleventy.config.* nodemon.json .nodemonrc ecosystem.config.*
      web-dev-server.config.* web-test-runner.config.* snowpack.config.* .parcelrc
      stencil.config.* quasar.config.* tauri.conf.* wxt.config.* plasmo.config.* lit.config.*
      panda.config.* linaria.config.* .stylua.toml .luacheckrc .busted .luarc.json`,
    category: "package",
    why: "linters, test runners and bundlers load it, or the plugins that it names",
  },
  {
    patterns: `
      package-lock.json npm-shrinkwrap.json pnpm-lock.yaml yarn.lock bun.lock bun.lockb deno.lock
      cargo.lock poetry.lock uv.lock pipfile.lock pdm.lock pixi.lock conda-lock.yml pylock.toml
      pylock.*.toml go.sum go.work.sum gemfile.lock composer.lock flake.lock devenv.lock
      devbox.lock mix.lock rebar.lock pubspec.lock podfile.lock cartfile.resolved package.resolved
      packages.lock.json paket.lock gradle.lockfile buildscript-gradle.lockfile module.bazel.lock
      cabal.project.freeze stack.yaml.lock spago.lock vcpkg-configuration.json conan.lock
      chart.lock .terraform.lock.hcl`,
    category: "package",
    why: "package managers install exactly what it names",
  },
  {
    patterns: `
      setup.py setup.cfg pyproject.toml conftest.py sitecustomize.py usercustomize.py *.pth
      *.egg-link noxfile.py tox.ini tox.toml pytest.ini .pytest.ini pytest.toml .pytest.toml
      requirements*.txt requirements/*.txt requirements*.in constraints*.txt pip.conf pip.ini
      uv.toml .pypirc pipfile poetry.toml pdm.toml .pdm.toml .pdm-python hatch.toml hatch_build.py
      pixi.toml environment.yml environment.yaml .condarc condarc tasks.py fabfile.py dodo.py
      pavement.py wscript waf sconstruct sconscript gunicorn.conf.py celeryconfig.py alembic.ini
      alembic/env.py mypy.ini .mypy.ini .pylintrc pylintrc pylintrc.toml .pylintrc.toml .flake8
      .coveragerc .ansible-lint ansible.cfg pyvenv.cfg .venv/bin/activate* venv/bin/activate*
      __pypackages__/** snakefile dvc.yaml mlproject zuul.d/** .readthedocs.yaml .readthedocs.yml
      mkdocs.yml`,
    category: "package",
    why: "Python tools run it, or what it names, on installation or tests",
  },
  {
    patterns: `
      cargo.toml build.rs .cargo/** rust-toolchain rust-toolchain.toml dylint.toml nextest.toml
      .config/nextest.toml cross.toml makefile.toml trunk.toml bacon.toml`,
    category: "package",
    why: "cargo runs it, or takes programs to run from it, on every build",
  },
  {
    patterns: `
      gemfile gems.rb gems.locked *.gemspec rakefile rakefile.rb *.rake .rspec .rspec-local
      guardfile .rubocop.yml .rubocop_todo.yml .standard.yml .simplecov spring.rb .bundle/**
      config.ru capfile vagrantfile berksfile thorfile dangerfile fastfile fastlane/** brewfile
      puma.rb .solargraph.yml .erb-lint.yml`,
    category: "package",
    why: "Ruby tools run it",
  },
  {
    patterns: `
      composer.json .php-cs-fixer.php .php-cs-fixer.dist.php .php_cs phpunit.xml phpunit.xml.dist
      phpstan.neon phpstan.neon.dist psalm.xml rector.php .phan/** robofile.php deploy.php artisan
      pint.json ecs.php .htaccess .user.ini`,
    category: "package",
    why: "PHP and its tools run it, or what it names",
  },
  {
    patterns: `
      build.gradle build.gradle.kts settings.gradle settings.gradle.kts init.gradle
      init.gradle.kts gradle.properties *.gradle *.gradle.kts gradlew gradlew.bat gradle/**
      .gradle/gradle.properties .gradle/init.d/** buildsrc/** mvnw mvnw.cmd .mvn/** pom.xml
      build.xml ivy.xml ivysettings.xml build.sbt project/*.sbt project/*.scala
      project/build.properties .sbtopts .jvmopts build.sc build.mill *.mill project.clj
      profiles.clj deps.edn build.boot shadow-cljs.edn bb.edn .lein/** .clj-kondo/** .lsp/**
      local.properties .scalafix.conf .scalafmt.conf jreleaser.yml jitpack.yml`,
    category: "package",
    why: "build tools of the JVM run it, or take programs and addresses from it",
  },
  {
    patterns: `
      go.mod go.work .golangci.yml .golangci.yaml .golangci.toml .golangci.json magefile.go
      magefiles/** tools.go .goreleaser.yml .goreleaser.yaml .air.toml air.toml buf.gen.yaml
      sqlc.yaml .ko.yaml`,
    category: "package",
    why: "Go and its tools fetch and run what it names",
  },
  {
    patterns: `
      flake.nix shell.nix default.nix devenv.nix devenv.yaml devenv.local.nix .devenv/**
      devbox.json .devbox/** .flox/** .direnv/** guix.scm manifest.scm channels.scm spack.yaml
      aqua.yaml .hermit/** bin/activate-hermit pkgx.yaml .tea.yaml`,
    category: "package",
    why: "environments of tools are built and entered by it",
  },
  {
    patterns: `
      *.csproj *.fsproj *.vbproj *.vcxproj *.proj *.props *.targets *.sln *.slnx *.csproj.user
      *.rsp directory.build.* directory.packages.* directory.solution.* nuget.config global.json
      dotnet-tools.json .config/dotnet-tools.json packages.config paket.dependencies
      paket.references build.cake *.fsx *.csx build.fsx msbuild.rsp .msbuild/**
      launchsettings.json`,
    category: "package",
    why: "MSBuild and .NET's tools run it, or what it names",
  },
  {
    patterns: `
      mix.exs rebar.config rebar.config.script .formatter.exs .credo.exs erlang.mk setup.hs
      *.cabal cabal.project cabal.project.local stack.yaml hie.yaml .hlint.yaml dune dune-project
      default.do *.opam opam build.zig build.zig.zon pubspec.yaml build.yaml analysis_options.yaml
      package.swift podfile cartfile project.yml project.swift *.xcodeproj/** *.xcworkspace/**
      *.xcconfig *.pbxproj xcodegen.yml tuist/** .swiftlint.yml project.toml cpanfile makefile.pl
      build.pl dist.ini .perltidyrc .perlcriticrc .proverc *.rockspec .luarocks/** shard.yml
      *.nimble config.nims *.nims dub.json dub.sdl alire.toml v.mod info.rkt haxelib.json *.hxml
      spago.yaml spago.dhall elm.json elm-tooling.json gleam.toml rescript.json bsconfig.json
      *.bzl configure.ac .lintr makevars renv/activate.r renv.lock packrat/init.r`,
    category: "package",
    why: "the language's package and build tools run it, or fetch what it names",
  },
  {
    patterns: `
      makefile gnumakefile bsdmakefile makefile.am makefile.in *.mk *.make cmakelists.txt *.cmake
      cmakepresets.json cmakeuserpresets.json ctest*.cmake meson.build meson_options.txt
      meson.options build.ninja *.ninja configure configure.in autogen.sh aclocal.m4 conanfile.py
      conanfile.txt vcpkg.json xmake.lua premake*.lua *.pro *.pri *.qbs wscript_build justfile
      .justfile *.just taskfile.yml taskfile.yaml taskfile.*.yml taskfile.*.yaml .taskfile.yml
      mage.go earthfile tup.ini tupfile tuprules.tup jamfile jamroot .latexmkrc latexmkrc doxyfile`,
    category: "package",
    why: "its commands run on the next build",
  },
  {
    patterns: `
      build.bazel build *.build.bazel workspace workspace.bazel workspace.bzlmod module.bazel
      .bazelrc *.bazelrc .bazelproject tools/bazel buck .buckconfig .buckconfig.* pants.toml
      pants.*.toml .pants.rc please.yaml .plzconfig .plzconfig.* build.pants`,
    category: "package",
    why: "Bazel and its relatives run what it defines, or take programs from it",
  },
  {
    patterns: `
      dockerfile dockerfile.* *.dockerfile containerfile containerfile.* compose.yml compose.yaml
      compose.*.yml compose.*.yaml docker-compose.yml docker-compose.yaml docker-compose.*.yml
      docker-compose.*.yaml docker-compose-*.yml docker-bake.hcl docker-bake.json packer.json
      *.pkr.hcl procfile procfile.* .foreman skaffold.yaml tiltfile tilt_config.json werf.yaml
      okteto.yml devspace.yaml garden.yml *.tf *.tofu *.tf.json terragrunt.hcl .terraformrc
      terraform.rc pulumi.yaml pulumi.*.yaml cdk.json cdktf.json serverless.yml serverless.yaml
      serverless.ts samconfig.toml chart.yaml helmfile.yaml kustomization.yaml kustomization.yml
      playbook.yml *.nomad cloud-init.yaml singularity.def apptainer.def supervisord.conf`,
    category: "package",
    why: "containers, machines and services are made and started from it",
  },
  {
    patterns: `
      .github/workflows/* .github/actions/** action.yml action.yaml .gitlab-ci.yml .gitlab-ci.yaml
      .gitlab/ci/** .circleci/** jenkinsfile jenkinsfile.* *.jenkinsfile .jenkins/** .travis.yml
      .travis.yaml azure-pipelines.yml azure-pipelines.yaml azure-pipelines-*.yml
      .azure-pipelines/** .azuredevops/** bitbucket-pipelines.yml .drone.yml .drone.yaml
      .drone.jsonnet .drone.star .buildkite/** .woodpecker/** .woodpecker.yml .woodpecker.yaml
      .forgejo/workflows/* .gitea/workflows/* .forgejo/actions/** .gitea/actions/** appveyor.yml
      .appveyor.yml .cirrus.yml .cirrus.star .semaphore/** codefresh.yml .codefresh/** wercker.yml
      .teamcity/** .tekton/** .build.yml .builds/** bitrise.yml codemagic.yaml buildspec.yml
      buildspec.yaml appspec.yml cloudbuild.yaml cloudbuild.yml netlify.toml vercel.json now.json
      fly.toml render.yaml app.yaml app.json amplify.yml wrangler.toml wrangler.json
      wrangler.jsonc .platform.app.yaml .platform/** .upsun/** heroku.yml railway.json
      railway.toml nixpacks.toml dagger.json .dagger/** .ci/** .cds/** .screwdriver.yaml
      screwdriver.yaml .zuul.yaml zuul.yaml .packit.yaml packit.yaml .copr/** renovate.json
      renovate.json5 .renovaterc .renovaterc.json`,
    category: "ci",
    why: "a build server runs it, often with secrets, once it is pushed",
  },
];
