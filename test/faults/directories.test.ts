import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { baseEnvironment, PyroHome } from "../support/home.ts";

const uid = process.getuid?.() ?? 0;

describe("directories that cannot be trusted or used", () => {
  let home: PyroHome;
  beforeEach(() => {
    home = PyroHome.empty();
  });
  afterEach(async () => {
    await home.dispose();
  });

  /** Nothing was written, and the message is exactly this. */
  const refused = async (variable: string, path: string, message: string, hint: string) => {
    const run = ["run", baseEnvironment, "--", "true"];
    const ended = await home.pyro(run, { env: { [variable]: path } });
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      ["", `error: ${message}\nhint: ${hint}\n`, 125],
    );
    const doctor = await home.pyro(["doctor", "--json"], { env: { [variable]: path } });
    assert.equal(doctor.code, 1);
    const report = JSON.parse(doctor.stdout) as { checks: { message: string; fix: string }[] };
    assert.ok(report.checks.some((check) => check.message === message && check.fix === hint));
  };

  for (const variable of ["PYRO_CACHE_DIR", "PYRO_STATE_DIR"]) {
    it(`refuses a symbolic link as ${variable}`, async () => {
      const path = join(home.directory, "link");
      mkdirSync(join(home.directory, "elsewhere"), { mode: 0o700 });
      symlinkSync(join(home.directory, "elsewhere"), path);
      await refused(
        variable,
        path,
        `The directory ${path} is a symbolic link.`,
        "Point PYRO_CACHE_DIR or PYRO_STATE_DIR at the real directory.",
      );
    });

    for (const mode of [0o770, 0o707, 0o750, 0o777])
      it(`refuses mode ${mode.toString(8)} of ${variable}`, async () => {
        const path = join(home.directory, "open");
        mkdirSync(path);
        chmodSync(path, mode);
        await refused(
          variable,
          path,
          `The directory ${path} is open to other users (mode ${mode.toString(8)}).`,
          `Close it: chmod 700 '${path}'`,
        );
      });

    it(`refuses a file as ${variable}`, async () => {
      const path = join(home.directory, "file");
      writeFileSync(path, "precious");
      await refused(
        variable,
        path,
        `The directory ${path} is not a directory.`,
        `Move it away: mv '${path}' '${path}.old'`,
      );
    });

    it(`refuses another owner of ${variable}`, { skip: uid !== 0 && "needs root" }, async () => {
      const path = join(home.directory, "foreign");
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, 12_345, 12_345);
      await refused(
        variable,
        path,
        `The directory ${path} belongs to user 12345, not to ${uid}.`,
        "Run pyro as that user (sudo -u '#12345' pyro …), or set PYRO_CACHE_DIR and PYRO_STATE_DIR to places of root's.",
      );
    });

    it(`makes no ${variable} of root's in the home of another user`, {
      skip: uid !== 0 && "needs root",
    }, async () => {
      const theirHome = join(home.directory, "their-home");
      mkdirSync(theirHome);
      chownSync(theirHome, 12_345, 12_345);
      const path = join(theirHome, "deep", "pyro");
      await refused(
        variable,
        path,
        `The directory ${path} would be root's, in ${theirHome}, which belongs to user 12345.`,
        "Run pyro as that user (sudo -u '#12345' pyro …), or set PYRO_CACHE_DIR and PYRO_STATE_DIR to places of root's.",
      );
      assert.deepEqual(readdirSync(theirHome), []);
    });

    it(`refuses ${variable} that cannot be created`, async () => {
      const path = "/etc/passwd/pyro";
      await refused(
        variable,
        path,
        `The directory ${path} cannot be created (ENOTDIR).`,
        "Choose another place with PYRO_CACHE_DIR or PYRO_STATE_DIR.",
      );
    });

    it(`refuses a relative path in ${variable}`, async () => {
      const ended = await home.pyro(["run", baseEnvironment, "--", "true"], {
        env: { [variable]: "some/where" },
        cwd: home.directory,
      });
      assert.deepEqual(
        [ended.stdout, ended.stderr, ended.code],
        [
          "",
          `error: ${variable} must be an absolute path, but is "some/where".\nhint: Set ${variable} to a path that starts with "/".\n`,
          125,
        ],
      );
      assert.equal(existsSync(join(home.directory, "some")), false);
    });
  }
});
