import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { Vm, VmExecResult } from "../../src/index.ts";
import { glibcV3Layer } from "../support/glibc-image.ts";
import { PyroHome, repository } from "../support/home.ts";
import { makeOciImage } from "../support/oci-image.ts";
import { RegistryStub } from "../support/registry-stub.ts";

describe("an image whose C library needs x86-64-v3", () => {
  let home: PyroHome;
  let stub: RegistryStub;
  let isEmulated: boolean;
  before(async () => {
    home = await PyroHome.private({ images: false });
    stub = (await RegistryStub.start()).offer(await makeOciImage([glibcV3Layer()]));
    await json("env", "pull", stub.reference, "--json");
    isEmulated = (await run()).isolation === "emulated";
  });
  afterEach(() => home.assertNothingLeft());
  after(async () => {
    await stub?.[Symbol.asyncDispose]();
    await home?.dispose();
  });

  const env = () => ({ PYRO_INSECURE_REGISTRIES: stub.host });
  const json = async (...line: string[]) => {
    const { stdout, stderr } = await home.pyro(line, { env: env() });
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout);
  };
  const shell = ["sh", "-c", "echo fine"];
  const run = (...options: string[]) =>
    json("run", stub.reference, "--json", ...options, "--", ...shell);
  const call = async <T>(method: string, given: readonly unknown[]): Promise<T> => {
    const program = join(repository, "test", "support", "pyro-vm.ts");
    const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
    const command = [...node, program, method, JSON.stringify(given)];
    const { stdout, stderr } = await home.startProgram(command, { env: env() }).ended;
    const { result, error } = JSON.parse(stdout);
    assert.deepEqual([error, stderr], [undefined, ""]);
    return result;
  };
  const templates = () =>
    readdirSync(join(home.cacheDirectory, "templates")).filter((name) => !name.endsWith(".lock"));

  it("says so once it is installed", async () => {
    assert.equal((await json("env", "inspect", stub.reference, "--json")).cpu, "v3");
    const { stdout } = await home.pyro(["env", "inspect", stub.reference]);
    assert.match(stdout, /^cpu +x86-64-v3 where it is emulated$/m);
  });

  it("runs without a word about CPUs, from the template that the pull made", async () => {
    const before = templates();
    const { stdout, exit_code: exitCode, hint } = await run();
    assert.deepEqual([stdout, exitCode, hint], ["fine\n", 0, null]);
    assert.deepEqual([before.length, templates()], [1, before]);
  });

  it("starts nothing on a lesser CPU that was asked for, and the way out is told", async (t) => {
    if (!isEmulated) return t.skip("guests see the host's own CPU");
    const { stderr, exit_code: exitCode, hint } = await run("--cpu", "v2");
    assert.match(stderr, /CPU ISA level is lower than required/);
    assert.equal(exitCode, 127);
    assert.match(hint, /x86-64-v2, without AVX; .*"v3"/);
  });

  it("gives its CPU to workspaces, which keep it", async () => {
    const created = await json("workspace", "create", stub.reference, "--name", "wide", "--json");
    assert.equal(created.cpu, "v3");
    const workspace = async (...line: string[]) => {
      const { stdout, stderr, code } = await home.pyro(["workspace", ...line]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    await workspace("stop", "wide");
    await workspace("start", "wide");
    assert.equal(await workspace("exec", "wide", "--", ...shell), "fine\n");
    await workspace("delete", "wide");
  });

  it("gives it to VMs when they start", async () => {
    const { vmId, cpu } = await call<Vm>("createVm", [{ environment: stub.reference }]);
    assert.equal(cpu, null);
    assert.equal((await call<Vm>("startVm", [vmId])).cpu, "v3");
    const { stdout } = await call<VmExecResult>("execVm", [vmId, { command: shell }]);
    assert.equal(stdout, "fine\n");
  });
});
