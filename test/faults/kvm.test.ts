import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";
import { pyroOn } from "./support/kvm-host.ts";

interface Report {
  readonly can_run_guests: boolean;
  readonly accelerator: string;
  readonly isolation: string;
  readonly checks: readonly { name: string; status: string; message: string }[];
}

/** What QEMU does with KVM on such a host; without KVM it is itself. */
const hosts = {
  spins: {
    program: "exec sleep 600",
    reason: "/dev/kvm opens, but a guest did not start on it within 20 s.",
  },
  aborts: {
    program: "echo 'error: failed to set MSR 0x345 to 0x5000' >&2; exit 134",
    reason:
      "/dev/kvm opens, but a guest does not run on it: error: failed to set MSR 0x345 to 0x5000",
  },
};

const replacingQemu = [
  "mkdir bin work",
  'mount -t overlay -o "lowerdir=/usr/bin,upperdir=$PWD/bin,workdir=$PWD/work" none /usr/bin',
  "mv /usr/bin/qemu-system-x86_64 /usr/bin/qemu-real",
  `printf '#!/bin/sh\\ncase "$*" in *"-accel kvm"*) %s;; esac\\nexec /usr/bin/qemu-real "$@"\\n' "$PROGRAM" > /usr/bin/qemu-system-x86_64`,
  "chmod 755 /usr/bin/qemu-system-x86_64",
];

/** What a second measurement would tell. */
const otherwise = "echo measured again >&2; exit 1";

for (const [how, host] of Object.entries(hosts))
  describe(`a host whose KVM opens, but ${how}`, () => {
    let home: PyroHome;
    before(async () => {
      home = await PyroHome.private();
    });
    afterEach(() => home.assertNothingLeft());
    after(() => home.dispose());

    /** Runs `pyro` where /dev/kvm is open to everybody and QEMU fails with it. */
    const onSuchAHost = (
      args: readonly string[],
      { program = host.program, env = {} }: { program?: string; env?: Record<string, string> } = {},
    ) =>
      pyroOn({ mode: "666", more: replacingQemu }, home, {
        args,
        env: { ...env, PROGRAM: program },
      });

    it("runs guests in emulation, and says why", async () => {
      const ended = await onSuchAHost(["run", baseEnvironment, "--json", "--", "echo", "works"]);
      assert.equal(ended.code, 0, ended.stdout + ended.stderr);
      const result = JSON.parse(ended.stdout) as Record<string, unknown>;
      assert.deepEqual([result.stdout, result.isolation], ["works\n", "emulated"]);
    });

    it("is measured once, and refused where KVM is required", async () => {
      const ended = await onSuchAHost(["run", baseEnvironment, "--", "true"], {
        program: otherwise,
        env: { PYRO_REQUIRE_KVM: "1" },
      });
      assert.deepEqual(
        [ended.stdout, ended.stderr, ended.code],
        [
          "",
          `error: PYRO_REQUIRE_KVM is set, but ${host.reason}\nhint: Run pyro on a host with working KVM, or unset PYRO_REQUIRE_KVM. (pyro doctor has the details)\n`,
          125,
        ],
      );
    });

    it("is measured anew by pyro doctor", async () => {
      const { stdout, code } = await onSuchAHost(["doctor", "--json"], { program: otherwise });
      const report = JSON.parse(stdout) as Report;
      assert.deepEqual(
        [code, report.can_run_guests, report.accelerator, report.isolation],
        [0, true, "tcg", "emulated"],
      );
      assert.deepEqual(
        report.checks.find(({ name }) => name === "KVM"),
        {
          name: "KVM",
          status: "warn",
          message: `/dev/kvm opens, but a guest does not run on it: measured again Guests run in software emulation: slower, and a weaker boundary than hardware.`,
          fix: null,
        },
      );
    });
  });
