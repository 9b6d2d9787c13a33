import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { findCatalogEntry } from "../../src/environments/catalog.ts";
import { PyroHome } from "../support/home.ts";

const environment = "debian:12";

describe(environment, () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm(environment);
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  const run = (...command: string[]) => home.pyro(["run", environment, "--", ...command]);

  it("answers git --version", async () => {
    const ended = await run("git", "--version");
    assert.match(ended.stdout, /^git version 2\.39\.\d+\n$/);
    assert.deepEqual([ended.stderr, ended.code], ["", 0]);
  });

  it("is Debian 12, with every package its catalog entry names", async () => {
    const { packages = [] } = findCatalogEntry(environment) ?? {};
    const format = `\${Package} \${db:Status-Status}\\n`;
    const query = ["dpkg-query", "-W", "-f", format, ...packages];
    const ended = await run(...query);
    assert.equal(ended.stdout, packages.map((name) => `${name} installed\n`).join(""));
    assert.match((await run("cat", "/etc/os-release")).stdout, /^VERSION_ID="12"$/m);
  });

  it("commits with git, and runs Python, in /workspace", async () => {
    const script = [
      "set -e; pwd; git init -q .; echo 'print(6 * 7)' > answer.py; git add answer.py",
      "git -c user.name=a -c user.email=a@b commit -q -m answer; git log --format=%s",
      "python3 answer.py; rg --files",
    ];
    const ended = await run("sh", "-c", script.join("\n"));
    assert.equal(ended.stdout, "/workspace\nanswer\n42\nanswer.py\n", ended.stderr);
  });

  it("lets packages link their manual pages as alternatives, as Java's do", async () => {
    const link = "--install /usr/bin/of-it of-it /bin/true 1";
    const page = "--slave /usr/share/man/man1/of-it.1.gz of-it.1.gz /etc/debian_version";
    const ended = await run("sh", "-c", `update-alternatives ${link} ${page} >&2`);
    assert.equal(ended.code, 0, ended.stderr);
  });

  it("is not built again by a second pull", async () => {
    const { stdout } = await home.pyro(["env", "pull", environment, "--json"]);
    assert.equal(JSON.parse(stdout).already_installed, true);
  });
});
