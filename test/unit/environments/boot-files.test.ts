import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  ensureBootFiles,
  findBootFiles,
} from "../../../src/environments/boot/ensure-boot-files.ts";
import {
  currentChoice,
  isKernelDirectory,
  kernelDirectory,
} from "../../../src/environments/boot/kernel-choice.ts";
import { sweepBootFiles } from "../../../src/environments/boot/sweep-boot-files.ts";
import { tryLock } from "../../../src/platform/lock.ts";
import { scratchDirectory } from "../../support/home.ts";

describe("what guests boot from, in the cache", () => {
  let directory: string;
  let boot: string;
  let agentPath: string;
  beforeEach(() => {
    directory = scratchDirectory();
    boot = join(directory, "boot");
    agentPath = join(directory, "agent");
    writeFileSync(agentPath, "the agent");
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const options = () => ({
    config: { cacheDirectory: directory, debianMirror: "http://127.0.0.1:1/debian" },
    agentPath,
  });
  /** That the kernel is fetched rather than made of what is there; it is given up at that step. */
  const assertFetches = async () => {
    const given = new AbortController();
    const steps: string[] = [];
    const onStep = (step: string) => {
      steps.push(step);
      given.abort(new TypeError("given up"));
    };
    const made = ensureBootFiles({ ...options(), onStep, signal: given.signal });
    await assert.rejects(made, /given up|abort/);
    assert.deepEqual(steps, ["fetching the guest kernel"]);
  };
  /** A kernel as it is kept, with one module. */
  const keepKernel = (name: string, module: string) => {
    const path = join(boot, name);
    mkdirSync(path, { recursive: true });
    const wanted = [...currentChoice.wanted, ...currentChoice.onDemand];
    writeFileSync(join(path, "vmlinux"), `kernel with ${module}`);
    writeFileSync(join(path, `${module}.ko`), `module ${module}`);
    const record = { wanted, loadOrder: [module], onDemand: [] };
    writeFileSync(join(path, "modules.json"), JSON.stringify(record));
    return join(path, "vmlinux");
  };
  const keepIndex = (index: object) =>
    writeFileSync(join(boot, "index.json"), JSON.stringify(index));

  it("lies in a directory of its own for each list of modules, and each way to load them", () => {
    const { wanted, onDemand } = currentChoice;
    const choices = [
      currentChoice,
      { wanted: [...wanted, "more"], onDemand },
      { wanted, onDemand: [...onDemand, "more"] },
      { wanted: wanted.slice(1), onDemand },
      { wanted: [...wanted, ...onDemand.slice(0, 1)], onDemand: onDemand.slice(1) },
      { wanted: wanted.toReversed(), onDemand },
    ];
    const names = choices.map((choice) => kernelDirectory(choice));
    assert.equal(new Set(names).size, choices.length, names.join(" "));
    for (const name of [...names, "kernel"]) assert.ok(isKernelDirectory(name), name);
    for (const name of ["kernel-", "kernel-1", "kernels", "index.json", `${names[0]}.1.partial`])
      assert.ok(!isKernelDirectory(name), name);
    assert.equal(
      kernelDirectory(),
      kernelDirectory({ wanted: [...wanted], onDemand: [...onDemand] }),
    );
  });

  it("is made of the kernel with the modules that are wanted, and found from then on", async () => {
    const kernelPath = keepKernel(kernelDirectory(), "virtio_rng");
    keepKernel("kernel", "earlier");
    assert.equal(await findBootFiles(options()), undefined);
    const made = await ensureBootFiles(options());
    assert.equal(made.kernelPath, kernelPath);
    const initramfs = readFileSync(made.initramfsPath, "latin1");
    assert.ok(initramfs.includes("lib/modules/virtio_rng.ko"));
    assert.ok(!initramfs.includes("earlier"));
    assert.deepEqual(await findBootFiles(options()), made);
    assert.deepEqual(await ensureBootFiles(options()), made);
  });

  it("is not what an earlier pyro made, even of the same agent, nor what was made of other modules", async () => {
    const kernelPath = keepKernel("kernel", "earlier");
    const initramfsPath = join(boot, "initramfs-0123456789abcdef.cpio");
    writeFileSync(initramfsPath, "earlier");
    const files = { kernelPath, initramfsPath, digest: "sha256:earlier" };
    const { size, mtimeMs, ino } = statSync(agentPath);
    const agent = [agentPath, size, mtimeMs, ino].join(" ");
    const other = kernelDirectory({ ...currentChoice, wanted: ["virtio_mmio"] });
    for (const index of [
      { agentKey: agent, files },
      { madeFrom: agent, files },
      { madeFrom: `${agent} ${other}`, files },
    ]) {
      keepIndex(index);
      assert.equal(await findBootFiles(options()), undefined, JSON.stringify(index));
    }
    await assertFetches();
    keepIndex({ madeFrom: `${agent} ${kernelDirectory()}`, files });
    assert.deepEqual(await findBootFiles(options()), files);
    assert.ok(existsSync(kernelPath), "what was there stays until there is another");
  });

  it("loses its kernels with other modules when the cache is swept, unless it is being made", async () => {
    const others = ["kernel", kernelDirectory({ wanted: ["virtio_mmio"], onDemand: [] })];
    for (const name of [...others, kernelDirectory()]) keepKernel(name, "virtio_rng");
    const made = await ensureBootFiles(options());
    const kernels = () => readdirSync(boot).filter(isKernelDirectory).toSorted();
    const all = kernels();
    assert.equal(all.length, 3);
    {
      using lock = await tryLock(join(boot, "lock"));
      assert.ok(lock);
      await sweepBootFiles({ cacheDirectory: directory });
      assert.deepEqual(kernels(), all);
    }
    await sweepBootFiles({ cacheDirectory: directory });
    assert.deepEqual(kernels(), [kernelDirectory()]);
    assert.deepEqual(await ensureBootFiles(options()), made);
    await sweepBootFiles({ cacheDirectory: join(directory, "none") });
  });

  it("loses what earlier agents were packed into, and nothing else, when the cache is swept", async () => {
    keepKernel(kernelDirectory(), "virtio_rng");
    const earlier = await ensureBootFiles(options());
    writeFileSync(agentPath, "another agent");
    const made = await ensureBootFiles(options());
    assert.notEqual(made.initramfsPath, earlier.initramfsPath);
    const strange = join(boot, "initramfs-notes.cpio");
    writeFileSync(strange, "somebody's own");
    await sweepBootFiles({ cacheDirectory: directory });
    assert.ok(!existsSync(earlier.initramfsPath));
    assert.ok(existsSync(strange));
    assert.deepEqual(await findBootFiles(options()), made);
    assert.ok(existsSync(made.initramfsPath) && existsSync(made.kernelPath));
  });

  it("is made again when a file of it is gone", async () => {
    keepKernel(kernelDirectory(), "virtio_rng");
    const { initramfsPath, kernelPath } = await ensureBootFiles(options());
    rmSync(initramfsPath);
    assert.equal((await ensureBootFiles(options())).initramfsPath, initramfsPath);
    assert.ok(existsSync(initramfsPath));
    rmSync(dirname(kernelPath), { recursive: true });
    await assertFetches();
  });
});
