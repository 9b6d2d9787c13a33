import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { baseEnvironment, PyroHome, repository } from "../support/home.ts";

interface Report {
  readonly can_run_guests: boolean;
  readonly driver: string | null;
  readonly reason: string;
  readonly checks: readonly { name: string; status: string; message: string; fix: string | null }[];
}

const pyro = join(repository, "bin", "pyro");

describe("a host without a program that pyro needs", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  /** Runs `pyro` where `missing` is in none of the folders that programs are looked for in. */
  const without = (missing: string, args: readonly string[], env: Record<string, string> = {}) => {
    const upper = join(home.directory, "hidden");
    mkdirSync(upper, { recursive: true });
    // What a mount of its own hides is missing for nobody else, and is back by itself.
    const hide = `mount -t tmpfs none ${upper} && for folder in /usr/bin /usr/sbin; do
      [ -e $folder/${missing} ] || continue
      mkdir ${upper}/files ${upper}/work
      mount -t overlay -o lowerdir=$folder,upperdir=${upper}/files,workdir=${upper}/work none $folder
      rm $folder/${missing} || exit 99
    done`;
    return home.startProgram(
      [
        "unshare",
        "--mount",
        ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]),
        "sh",
        "-c",
        `${hide}; exec ${pyro} "$@"`,
        "sh",
        ...args,
      ],
      { env },
    ).ended;
  };

  const reportWithout = async (missing: string) => {
    const { stdout, code } = await without(missing, ["doctor", "--json"]);
    return { report: JSON.parse(stdout) as Report, code };
  };

  const checkOf = (report: Report, name: string) =>
    report.checks.find((check) => check.name === name);

  it("names QEMU's package, and refuses to run", async () => {
    const { report, code } = await reportWithout("qemu-system-x86_64");
    assert.deepEqual(
      [code, report.can_run_guests, report.driver, report.reason],
      [1, false, null, "qemu-system-x86_64 is not installed."],
    );
    assert.deepEqual(checkOf(report, "qemu"), {
      name: "qemu",
      status: "fail",
      message: "qemu-system-x86_64 is not installed.",
      fix: "sudo apt-get install qemu-system-x86",
    });
    const ended = await without("qemu-system-x86_64", ["run", baseEnvironment, "--", "true"]);
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      [
        "",
        "error: No guest can run here: qemu-system-x86_64 is not installed.\nhint: sudo apt-get install qemu-system-x86 (pyro doctor has the details)\n",
        125,
      ],
    );
  });

  it("runs without isolation only when asked to, and says so", async () => {
    const args = [
      "run",
      baseEnvironment,
      "--allow-host-compat",
      "--json",
      "--",
      "sh",
      "-c",
      "pwd; exit 3",
    ];
    const { stdout, code } = await without("qemu-system-x86_64", args);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(
      [code, result.exit_code, result.driver, result.execution_mode, result.isolation],
      [3, 3, "host-compat", "host_compat", "none"],
    );
    assert.ok(String(result.stdout).startsWith(`${home.stateDirectory}/compat-`), stdout);
  });

  it("uses a guest although it may do without isolation, when a guest can run", async () => {
    const { stdout } = await home.run(["true"], { flags: ["--allow-host-compat", "--json"] });
    assert.equal((JSON.parse(stdout) as { driver: string }).driver, "qemu");
  });

  it("names bubblewrap's package, and never runs a monitor outside a jail", async () => {
    const { report, code } = await reportWithout("bwrap");
    assert.deepEqual([code, report.can_run_guests], [1, false]);
    assert.deepEqual(checkOf(report, "jail"), {
      name: "jail",
      status: "fail",
      message: "bwrap (bubblewrap) is not installed.",
      fix: "Install it: sudo apt-get install bubblewrap",
    });
    const ended = await without("bwrap", ["run", baseEnvironment, "--", "true"]);
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      [
        "",
        "error: bwrap (bubblewrap) is not installed.\nhint: Install it: sudo apt-get install bubblewrap\n",
        125,
      ],
    );
  });

  it("keeps its templates meanwhile", async () => {
    const templates = () => readdirSync(join(home.cacheDirectory, "templates")).sort();
    await home.run(["true"]);
    const before = templates();
    await without("bwrap", ["run", baseEnvironment, "--", "true"]);
    assert.deepEqual(
      before.filter((name) => !templates().includes(name)),
      [],
    );
  });

  it("names mmdebstrap's package when an environment must be built", async () => {
    const { report } = await reportWithout("mmdebstrap");
    assert.deepEqual(
      [report.can_run_guests, report.reason.split(";", 1)],
      [false, ["mmdebstrap: not installed"]],
    );
    assert.deepEqual(checkOf(report, "mmdebstrap"), {
      name: "mmdebstrap",
      status: "fail",
      message: "not installed; it fetches the guest kernel and builds the Debian environments",
      fix: "sudo apt-get install mmdebstrap",
    });
    await using bare = await PyroHome.private({ images: false });
    const ended = await without("mmdebstrap", ["env", "pull", baseEnvironment], bare.env);
    assert.deepEqual(
      [ended.stdout, ended.stderr.split("\n").slice(-3), ended.code],
      [
        "",
        [
          "error: mmdebstrap is not installed.",
          "hint: Install it: sudo apt-get install mmdebstrap",
          "",
        ],
        1,
      ],
    );
    await bare.assertNothingLeft();
  });
});
