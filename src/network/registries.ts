/**
 * Where packages and source code come from: indexes, the stores that they send clients on to, and forges. A maintained list; whoever
 * publishes to one of these can be reached through it, so it keeps accidents and ordinary malware at home, and no determined sender.
 */
export const registryHosts: readonly string[] = [
  // Python
  "pypi.org",
  "files.pythonhosted.org",
  "pypi.python.org",
  // Node
  "registry.npmjs.org",
  "registry.yarnpkg.com",
  "npm.jsr.io",
  "jsr.io",
  "nodejs.org",
  // Rust
  "crates.io",
  "index.crates.io",
  "static.crates.io",
  "static.rust-lang.org",
  "sh.rustup.rs",
  // Go
  "proxy.golang.org",
  "sum.golang.org",
  "index.golang.org",
  "go.dev",
  "dl.google.com",
  // Java
  "repo.maven.apache.org",
  "repo1.maven.org",
  "plugins.gradle.org",
  "services.gradle.org",
  "downloads.gradle.org",
  // Ruby, PHP, .NET, Dart, Elixir, Haskell, Perl, R
  "rubygems.org",
  "index.rubygems.org",
  "repo.packagist.org",
  "packagist.org",
  "api.nuget.org",
  "www.nuget.org",
  "pub.dev",
  "hex.pm",
  "repo.hex.pm",
  "hackage.haskell.org",
  "cpan.metacpan.org",
  "cran.r-project.org",
  // Distributions
  "deb.debian.org",
  "security.debian.org",
  "archive.ubuntu.com",
  "security.ubuntu.com",
  "dl-cdn.alpinelinux.org",
  // Forges
  "github.com",
  "api.github.com",
  "codeload.github.com",
  "raw.githubusercontent.com",
  "objects.githubusercontent.com",
  "release-assets.githubusercontent.com",
  "gitlab.com",
  "bitbucket.org",
  "codeberg.org",
  "git.sr.ht",
];

/** Ports that they answer on: HTTP, HTTPS, and Git over SSH. */
export const registryPorts: readonly number[] = [22, 80, 443];
