import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { baseEnvironment, PyroHome, repository } from "../support/home.ts";

const pyro = join(repository, "bin", "pyro");

/**
 * Runs shell lines where `$small` is a file system of its own of the given size, which nobody else sees
 * and which is gone with the shell.
 */
function inSmallFileSystem(home: PyroHome, options: string, script: string) {
  const small = join(home.directory, "small");
  const setup = `small=${small}; mkdir -p $small; mount -t tmpfs -o mode=700,${options} none $small`;
  return home.startProgram([
    "unshare",
    "--mount",
    ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]),
    "sh",
    "-c",
    `${setup} || exit 99; ${script}`,
  ]).ended;
}

describe("a disk without room", () => {
  let home: PyroHome;
  before(async () => {
    home = await PyroHome.warm();
  });
  after(async () => {
    await home.assertNothingLeft();
    await home.dispose();
  });

  it("is named when it takes only a part of a new disk, which is then no disk", async () => {
    const program = `const { DiskContent } = await import("${repository}/src/environments/disk-content.ts");
      const count = 512;
      const bytes = Buffer.alloc(16 + count * (8 + 4096), 1);
      bytes.writeUInt32LE(0x70797264, 0);
      bytes.writeUInt32LE(count, 4);
      bytes.writeBigUInt64LE(1n << 30n, 8);
      for (let at = 0; at < count; at++) bytes.writeBigUInt64LE(BigInt(at * 4096), 16 + at * 8);
      try { DiskContent.decode(bytes).createAt(process.argv[1] + "/disk"); console.log("made"); }
      catch (error) { console.log(error.code); }`;
    const node = `${process.execPath} --input-type=module --eval '${program}'`;
    const ended = await inSmallFileSystem(home, "size=1m", `${node} $small`);
    assert.deepEqual([ended.stdout, ended.stderr], ["host_no_space\n", ""]);
  });

  it("is named before an environment is fetched", async () => {
    const ended = await inSmallFileSystem(
      home,
      "size=64m",
      `PYRO_CACHE_DIR=$small ${pyro} env pull ${baseEnvironment}; code=$?; find $small -name '*.partial'; exit $code`,
    );
    const small = join(home.directory, "small");
    assert.deepEqual(
      [ended.stdout, ended.stderr, ended.code],
      [
        "",
        `error: ${small} has 63 MiB free, but 512 MiB are needed.\nhint: Free some room, for example with: pyro env prune\n`,
        1,
      ],
    );
  });

  for (const [what, options] of [
    ["no bytes", "size=16k"],
    ["no files", "nr_inodes=1"],
  ])
    it(`is named when the state directory has ${what} left, and works once there is room`, async () => {
      const run = `PYRO_STATE_DIR=$small ${pyro} run ${baseEnvironment} -- echo works`;
      const ended = await inSmallFileSystem(
        home,
        options ?? "",
        `${run}; echo $?; ls -A $small; mount -o remount,size=1g,nr_inodes=1000 $small; ${run}; ls -A $small`,
      );
      const small = join(home.directory, "small");
      assert.equal(ended.stdout, "125\nworks\n");
      assert.ok(
        ended.stderr.startsWith(`error: No room left on the disk of ${small}`) &&
          ended.stderr.endsWith("\nhint: Free some room, for example with: pyro env prune\n"),
        ended.stderr,
      );
    });

  it("under a guest's disk is the guest's error, and pyro goes on", async () => {
    const write = "head -c 100000000 /dev/zero > /workspace/big; sync; echo still here";
    const ended = await inSmallFileSystem(
      home,
      "size=48m",
      `PYRO_STATE_DIR=$small ${pyro} run ${baseEnvironment} -- sh -c '${write}'`,
    );
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.stdout, "still here\n");
  });
});
