import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toolEnvironment } from "../src/platform/config.ts";
import { runInVm } from "../src/workspace/vms/run-in-vm.ts";
import { type Bench, environment } from "./bench.ts";
import type { Program } from "./timed-process.ts";
import { runTimed } from "./timed-process.ts";

const guestPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const exportSeconds = 300;

/** Other sandboxes around the same root file system. */
export interface Baselines extends AsyncDisposable {
  bwrap(command: readonly string[]): Program;
  runsc(command: readonly string[]): Promise<Program>;
}

/** Unpacks the environment's root into a directory for sandboxes that take one. */
export async function makeBaselines(bench: Bench): Promise<Baselines> {
  const directory = join(bench.workDirectory, "baselines");
  const root = join(directory, "root");
  await mkdir(root, { recursive: true, mode: 0o755 });
  await exportRoot(bench, root);
  const runscState = join(directory, "runsc");
  const runsc = (...args: readonly string[]): Program => ({
    command: "runsc",
    // Without root's rights it maps users itself.
    args: [`--root=${runscState}`, ...(process.getuid?.() === 0 ? [] : ["--rootless"]), ...args],
    env: toolEnvironment(),
  });
  let containers = 0;
  const containerName = (index: number) => `pyro-bench-${process.pid}-${index}`;
  return {
    bwrap: (command) => bwrapProgram(root, command),
    runsc: async (command) => {
      const bundle = join(directory, "bundle");
      await mkdir(bundle, { recursive: true });
      await writeFile(join(bundle, "config.json"), JSON.stringify(runscConfig(root, command)));
      const flags = ["--network=none", "--ignore-cgroups", "run", `--bundle=${bundle}`];
      return runsc(...flags, containerName(++containers));
    },
    [Symbol.asyncDispose]: async () => {
      // All but an interrupted container are gone by themselves.
      const never = new AbortController().signal;
      if (containers > 0)
        await runTimed(runsc("delete", "--force", containerName(containers)), never).catch(
          () => undefined,
        );
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Everything but what a sandbox provides itself comes out of a guest as one archive. */
async function exportRoot({ engine, signal }: Bench, root: string): Promise<void> {
  const excluded = ["proc", "sys", "dev", "run", "workspace"].map(
    (name) => `--exclude=./${name}/*`,
  );
  const unpack = spawn("tar", ["--extract", "--directory", root, "--file", "-"], {
    env: toolEnvironment(),
    stdio: ["pipe", "ignore", "inherit"],
  });
  const unpacked = once(unpack, "close");
  // It closes its input as soon as it has seen the archive's end; its exit code tells the rest.
  unpack.stdin.on("error", () => undefined);
  const feed = async (chunk: Buffer) => {
    if (!unpack.stdin.write(chunk)) await Promise.race([once(unpack.stdin, "drain"), unpacked]);
  };
  let packedCode: number | undefined;
  try {
    ({ exitCode: packedCode } = await runInVm(engine.host, {
      environment,
      command: ["tar", "-C", "/", "--one-file-system", ...excluded, "-cf", "-", "."],
      timeoutSeconds: exportSeconds,
      onStdout: feed,
      signal,
    }));
  } finally {
    unpack.stdin.end();
    await unpacked;
  }
  if (packedCode !== 0 || unpack.exitCode !== 0)
    throw new Error(`The root's export ended with ${packedCode} and ${unpack.exitCode}.`);
}

function bwrapProgram(root: string, command: readonly string[]): Program {
  const walls = ["--unshare-all", "--die-with-parent", "--clearenv", "--setenv", "PATH", guestPath];
  const mounts = ["--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
  return {
    command: "bwrap",
    args: [...walls, ...mounts, "--", ...command],
    env: toolEnvironment(),
  };
}

function runscConfig(root: string, command: readonly string[]): object {
  const namespaces = ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type }));
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: command,
      env: [`PATH=${guestPath}`],
      cwd: "/",
    },
    root: { path: root, readonly: true },
    hostname: "bench",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
    ],
    linux: { namespaces },
  };
}
