import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { PyroHome, repository } from "../support/home.ts";
import { filesUnder } from "../support/oracle.ts";

describe("what the commands print where nothing is installed", () => {
  let home: PyroHome;
  before(() => {
    home = PyroHome.empty();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  const printed = async (...args: string[]) => {
    const { stdout, stderr, code } = await home.pyro(args);
    return { stdout, stderr, code };
  };

  it("pyro --version is the package's", async () => {
    const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    assert.deepEqual(await printed("--version"), { stdout: `${version}\n`, stderr: "", code: 0 });
  });

  it("pyro without a command is wrong usage, and shows the help", async () => {
    const help = await printed("--help");
    assert.deepEqual([help.stderr, help.code], ["", 0]);
    assert.deepEqual(await printed(), { stdout: "", stderr: help.stdout, code: 2 });
  });

  it("pyro run --help", async () => {
    assert.equal(
      (await printed("run", "--help")).stdout,
      `Usage: pyro run [options] <environment> <command...>

Runs one command in an ephemeral VM. Output streams live. A pipe or a file at
standard input is passed through; a terminal only with -i.
Exits with the command's own code, 124 on time-out, 125 when pyro itself failed.

Arguments:
  environment                      catalog name or image reference, e.g.
                                   debian:12
  command                          program and arguments, after --

Options:
  -i, --interactive                let the command read what is typed here
  -n, --no-stdin                   do not pass standard input on, as in a loop
                                   that reads a list
  --vcpu-count <n>                 virtual CPUs (default: 1)
  --mem-mib <n>                    guest memory in MiB (default: 1024)
  --cpu <level>                    x86-64 level of an emulated CPU, else what
                                   the environment needs (choices: "v2", "v3")
  --timeout-seconds <s>            how long the command may take (default: 30)
  --ttl-seconds <s>                how long the VM may live, whatever happens
                                   (default: 600)
  --network                        let the command reach the public internet, or
                                   what follows says
  --allow-host <target>            what may be reached, and then only that:
                                   host, *.suffix, address, block or group, with
                                   :PORTS or without (repeatable)
  --deny-host <target>             what may not be reached (repeatable)
  --network-preset <p>             what is reachable beside that: open is the
                                   public internet, registries those of packages
                                   and code (choices: "open", "registries",
                                   "none")
  --secret <name=value>            secret for commands; its value shows in the
                                   process list (repeatable)
  --secret-file <name=path>        secret in a file or pipe (repeatable)
  --secret-from-env <name[=var]>   secret in an environment variable
                                   (repeatable)
  --credential <spec>              secret that the guest never has: pyro puts it
                                   into requests to its hosts; github,
                                   anthropic, openai, npm, pypi or
                                   NAME=HOST[,HOST] (repeatable)
  --credential-command <name=cmd>  shell line of the host that prints a
                                   credential (repeatable)
  --allow-host-compat              run on this host WITHOUT isolation when no
                                   guest can run
  --json                           print one JSON object when it is over
  -h, --help                       display help for command

Examples:
  pyro run debian:12 -- git --version
  echo 'print(6 * 7)' | pyro run debian:12 -- python3 -
`,
    );
  });

  it("pyro env list", async () => {
    assert.deepEqual(await printed("env", "list"), {
      stdout: `ENVIRONMENT      INSTALLED  BUILT  WHAT
debian:12        -          -      Debian 12 with git, curl, python3 and ripgrep
debian:12-base   -          -      Debian 12, minimal
debian:12-build  -          -      debian:12 with compilers, make and python3-venv
debian:13        -          -      Debian 13 with git, curl, python3 and ripgrep
`,
      stderr: "",
      code: 0,
    });
  });

  it("pyro env list --json", async () => {
    const { stdout } = await printed("env", "list", "--json");
    const { environments } = JSON.parse(stdout) as { environments: object[] };
    assert.deepEqual(environments[1], {
      environment: "debian:12-base",
      summary: "Debian 12, minimal",
      installed: false,
      outdated: false,
      source: "debian bookworm",
      image_id: null,
      created_at: null,
      disk_bytes: null,
    });
  });

  it("pyro env inspect of an image that is not installed", async () => {
    assert.deepEqual(await printed("env", "inspect", "docker.io/a/b"), {
      stdout: "",
      stderr:
        "error: docker.io/a/b is not installed.\nhint: Install it: pyro env pull docker.io/a/b\n",
      code: 1,
    });
  });

  it("pyro env prune", async () => {
    assert.deepEqual(await printed("env", "prune"), {
      stdout: "Freed 0 B: 0 images, 0 templates, 0 layers.\n",
      stderr: "",
      code: 0,
    });
  });

  it("pyro doctor says what mends what", async () => {
    const { stdout, code } = await printed("doctor", "--json");
    const report = JSON.parse(stdout) as {
      can_run_guests: boolean;
      checks: { name: string; status: string; fix: string | null }[];
    };
    assert.deepEqual([code, report.can_run_guests], [0, true]);
    const byName = new Map(report.checks.map((check) => [check.name, check]));
    for (const name of ["guest kernel", "environments"])
      assert.deepEqual(
        [byName.get(name)?.status, byName.get(name)?.fix],
        ["warn", "pyro env pull debian:12"],
      );
    for (const name of ["qemu", "jail", "guest agent", "mmdebstrap", "mke2fs", "VMs"])
      assert.equal(byName.get(name)?.status, "ok", name);
  });

  it("bad input makes no directory", async () => {
    await using fresh = PyroHome.empty();
    const bad = [
      ["run", "debain:12", "--", "true"],
      ["run", "debian:12", "--", ""],
      ["run", "--mem-mib", "1", "debian:12", "--", "true"],
      ["run", "--mem-mib", "999999999", "debian:12", "--", "true"],
      ["run", "--vcpu-count", "0", "debian:12", "--", "true"],
      ["run", "--timeout-seconds", "0", "debian:12", "--", "true"],
      ["run", "--ttl-seconds", "99999999", "debian:12", "--", "true"],
      ["env", "pull", "docker.io/UPPER/case"],
      ["env", "inspect", "debian:99"],
    ];
    for (const args of bad) {
      const ended = await fresh.pyro(args);
      assert.ok(ended.code === 2 || ended.code === 125, `${args}: ${ended.code}`);
      assert.equal(ended.stdout, "");
      assert.match(ended.stderr, /^error: (--)?[A-Z"a-z].*\n/, `${args}`);
      assert.deepEqual(filesUnder(fresh.stateDirectory), [], `${args}`);
    }
  });

  it("no colour where nobody sees it", async () => {
    for (const args of [["doctor"], ["env", "list"], ["--help"], ["nonsense"]]) {
      const { stdout, stderr } = await printed(...args);
      assert.equal((stdout + stderr).includes("\u001b"), false, `${args}`);
    }
  });

  it("a completion script that bash accepts", async () => {
    const { stdout } = await printed("completion", "bash");
    const checked = await home.startProgram(["bash", "-n"], { input: stdout }).ended;
    assert.deepEqual([checked.stderr, checked.code], ["", 0]);
  });
});
