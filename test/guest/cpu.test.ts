import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { PyroHome } from "../support/home.ts";

/** Whether the C library takes the CPU for x86-64-v3; images are built for such a level as a whole. */
const look = ["sh", "-c", "/lib64/ld-linux-x86-64.so.2 --help | grep -c 'x86-64-v3 (supported'"];

/** A program that takes AVX2 for granted. */
const avx2 = `import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex("c5fdefc0c5f877c3"))  # vpxor %ymm0,%ymm0,%ymm0; vzeroupper; ret
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()`;

describe("the CPU of a guest", () => {
  const environment = "debian:13";
  let home: PyroHome;
  let isEmulated: boolean;
  before(async () => {
    home = await PyroHome.warm(environment);
    const { stdout } = await home.pyro(["run", environment, "--json", "--", "true"]);
    isEmulated = JSON.parse(stdout).isolation === "emulated";
  });
  afterEach(() => home.assertNothingLeft());
  after(() => home.dispose());

  const run = async (level: string) => {
    const command = ["sh", "-c", 'python3 -c "$1"; exit $?', "sh", avx2];
    const line = ["run", environment, "--cpu", level, "--json", "--", ...command];
    return JSON.parse((await home.pyro(line)).stdout);
  };

  it("is told where it lacks an instruction, by a shell's exit code as well", async (t) => {
    if (!isEmulated) return t.skip("guests see the host's own CPU");
    const { exit_code: exitCode, signal, hint } = await run("v2");
    assert.deepEqual([exitCode, signal], [132, null]);
    assert.match(hint, /x86-64-v2, without AVX; .*"v3"/);
  });

  it("runs AVX2 when asked for", async (t) => {
    if (!isEmulated) return t.skip("guests see the host's own CPU");
    const { exit_code: exitCode, hint, stderr } = await run("v3");
    assert.deepEqual([exitCode, hint, stderr], [0, null, ""]);
  });

  it("stays a workspace's over its stops", async () => {
    const workspace = async (...line: string[]) => {
      const ended = await home.pyro(["workspace", ...line]);
      assert.equal(ended.code, 0, ended.stderr);
      return ended.stdout;
    };
    const block = await workspace("create", environment, "--cpu", "v3", "--name", "wide");
    if (isEmulated) assert.match(block, /1 vCPU x86-64-v3, 1024 MiB/);
    await workspace("stop", "wide");
    await workspace("start", "wide");
    assert.equal(JSON.parse(await workspace("status", "wide", "--json")).cpu, "v3");
    if (isEmulated) assert.equal(await workspace("exec", "wide", "--", ...look), "1\n");
    await workspace("delete", "wide");
  });
});
