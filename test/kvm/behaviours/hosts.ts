import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { copyCache, repository, scratchDirectory } from "../../support/home.ts";
import { busyboxLayer, makeOciImage } from "../../support/oci-image.ts";
import { RegistryStub } from "../../support/registry-stub.ts";
import type { Behaviour } from "../behaviour.ts";
import type { Pair } from "../pairs.ts";
import { failure, type Place } from "../place.ts";

const isRoot = process.getuid?.() === 0;
const pyro = join(repository, "bin", "pyro");
const cgroups = "/sys/fs/cgroup";
/** Nobody's in particular. */
const ordinaryUser = 1000;

/** What pyro makes of the host that it is on. */
export const hosts: readonly Behaviour[] = [
  {
    name: "left to itself, pyro takes the best that runs guests",
    async hold({ home, pair }) {
      const env = { PYRO_DRIVER: "auto", PYRO_REQUIRE_KVM: "" };
      const { stdout } = await home.pyro(["doctor", "--json"], { env });
      const { driver, accelerator } = JSON.parse(stdout) as Record<string, string>;
      const hasFirecracker = pair.driver === "firecracker" || process.env.PYRO_FIRECRACKER;
      const best = hasFirecracker ? "firecracker" : "qemu";
      assert.deepEqual(
        [driver, accelerator],
        pair.accelerator === "kvm" ? [best, "kvm"] : ["qemu", "tcg"],
      );
    },
  },
  {
    name: "a KVM that is open to root alone is refused, with the remedy",
    missing: ({ accelerator }) => {
      if (accelerator !== "kvm") return "there is no KVM in it";
      return isRoot ? undefined : "only root can make such a device";
    },
    async hold({ home }) {
      const script = [
        'set -e; mount -t tmpfs none "$1"; mknod -m 600 "$1/kvm" c 10 232',
        'mount --bind "$1/kvm" /dev/kvm; shift; exec "$@"',
      ].join("\n");
      const inside = ["sh", "-c", script, "sh", home.temporaryDirectory, pyro, "doctor", "--json"];
      const { stdout } = await home.startProgram(["unshare", "--mount", ...inside]).ended;
      assert.match(stdout, /chmod 660 \/dev\/kvm, chgrp kvm \/dev\/kvm/);
    },
  },
  {
    name: "an image is built in a machine, and machines run from it",
    seconds: 120,
    hold: (place) => withCache(place, (directory) => buildAndRun(place, directory)),
  },
  {
    name: "an ordinary user builds and runs one, too",
    seconds: 120,
    missing: (pair) => {
      if (!isRoot) return "the others are an ordinary user's already";
      const [program = "", ...become] = becomingOrdinary(pair);
      const can = spawnSync(program, [...become, "test", "-r", pyro]).status === 0;
      return can ? undefined : "this checkout is for nobody else to read";
    },
    hold: (place) =>
      withCache(place, async (directory) => {
        execFileSync("chown", ["-R", `${ordinaryUser}:${ordinaryUser}`, directory]);
        await buildAndRun(place, directory, becomingOrdinary(place.pair));
      }),
  },
  {
    name: "a machine for which its host has no memory is told of, and starts with its files",
    missing: () => {
      if (!isRoot) return "only root can take a monitor's memory away";
      const path = join(cgroups, "cgroup.controllers");
      const has = existsSync(path) && readFileSync(path, "utf8").split(/\s/).includes("memory");
      return has ? undefined : "this host has no control groups of version 2 for memory";
    },
    async hold(place) {
      const { workspaceId: id } = await place.create();
      await place.pyro.writeWorkspaceFile(id, "kept", { text: "acknowledged\n" });
      const group = join(cgroups, `pyro-${id}`);
      writeFileSync(join(cgroups, "cgroup.subtree_control"), "+memory");
      mkdirSync(group);
      writeFileSync(join(group, "memory.max"), String(96 * 1024 ** 2));
      writeFileSync(join(group, "cgroup.procs"), String(place.monitor(id)));
      const lost = await failure(place.exec(id, "python3 -c 'len(b\"x\" * (300 << 20))'"));
      assert.equal(lost.code, "guest_lost");
      assert.match(readFileSync(join(group, "memory.events"), "utf8"), /^oom_kill [1-9]/m);
      await place.pyro.startWorkspace(id);
      assert.equal(await place.sh(id, "cat kept"), "acknowledged\n");
      await place.pyro.deleteWorkspace(id);
      rmdirSync(group);
    },
  },
];

/** What a program is started by to be an ordinary user's, who may use KVM. */
function becomingOrdinary({ accelerator }: Pair): string[] {
  const groups = accelerator === "kvm" ? `--groups=${statSync("/dev/kvm").gid}` : "--clear-groups";
  return ["setpriv", `--reuid=${ordinaryUser}`, `--regid=${ordinaryUser}`, groups];
}

/** Does `work` with a directory that holds a cache without images, which knows where guests boot. */
async function withCache({ home }: Place, work: (directory: string) => Promise<void>) {
  // Not in that of the home, which nobody else may enter.
  const directory = scratchDirectory();
  try {
    const cache = join(directory, "cache");
    await copyCache(cache, { images: false, link: false });
    for (const name of ["boots-kvm.json", "boots-tcg.json", "boots-firecracker.json"])
      if (existsSync(join(home.cacheDirectory, name)))
        cpSync(join(home.cacheDirectory, name), join(cache, name));
    await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Has `by` install an image from a registry, and run two machines from it: one that is saved, and one that resumes. */
async function buildAndRun(
  { home }: Place,
  directory: string,
  by: readonly string[] = [],
): Promise<void> {
  const image = await makeOciImage([busyboxLayer()], { Env: ["PATH=/bin"] });
  await using registry = (await RegistryStub.start()).offer(image);
  const env = {
    HOME: directory,
    TMPDIR: directory,
    NODE_COMPILE_CACHE: join(directory, "compiled"),
    PYRO_CACHE_DIR: join(directory, "cache"),
    PYRO_STATE_DIR: join(directory, "state"),
    PYRO_INSECURE_REGISTRIES: registry.host,
  };
  const call = (...args: readonly string[]) =>
    home.startProgram([...by, pyro, ...args], { env }).ended;
  const pulled = await call("env", "pull", registry.reference, "--no-template");
  assert.equal(pulled.code, 0, pulled.stderr);
  for (const word of ["once", "again"]) {
    const ended = await call("run", registry.reference, "--", "echo", word);
    assert.deepEqual([ended.stdout, ended.code], [`${word}\n`, 0], ended.stderr);
  }
}
