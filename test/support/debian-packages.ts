import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { startMmdebstrap } from "../../src/environments/debian/mmdebstrap.ts";
import { warmCacheDirectory } from "./home.ts";

/**
 * A directory with packages of Debian 12 and all that they need, unpacked as in the root of a system, but not configured. It is
 * kept beside the tests' cache, which every test looks through; nothing is installed on the host.
 */
export async function unpackedPackages(name: string): Promise<string> {
  const place = `${warmCacheDirectory}-packages`;
  const root = join(place, name);
  if (existsSync(root)) return root;
  mkdirSync(place, { recursive: true });
  const partial = mkdtempSync(join(place, `${name}-`));
  try {
    const fetching = startMmdebstrap({
      suite: "bookworm",
      variant: "extract",
      packages: [name],
      config: { debianMirror: process.env.PYRO_DEBIAN_MIRROR || undefined },
    });
    // Devices are root's to make, and nobody needs them. All of the stream is read, what fills up its last block as well.
    const tar = spawn(
      "tar",
      ["-x", "--no-same-owner", "--exclude=./dev/*", "--ignore-zeros", "-C", partial],
      {
        stdio: ["pipe", "inherit", "inherit"],
      },
    );
    const closed = once(tar, "close");
    await pipeline(fetching.stdout, tar.stdin);
    await fetching.done;
    const [code] = await closed;
    if (code !== 0) throw new TypeError(`tar ended with ${code}`);
    for (const mounted of ["proc", "run"]) mkdirSync(join(partial, mounted), { recursive: true });
    renameSync(partial, root);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return root;
}

/** What a page is in Debian's Chromium, once its scripts have run. The browser is no program of the host's, and an ordinary user's. */
export async function pageInBrowser(url: string): Promise<string> {
  const root = await unpackedPackages("chromium-headless-shell");
  const jail = ["--ro-bind", root, "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"];
  const user = ["--unshare-user", "--unshare-pid", "--uid", "1000", "--gid", "1000"];
  const browser = "/usr/lib/chromium/chromium-headless-shell";
  const { stdout } = await promisify(execFile)("bwrap", [
    ...[...jail, ...user, "--die-with-parent", "--clearenv", "--setenv", "HOME", "/tmp"],
    // The wall around it is the one above.
    ...[browser, "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000"],
    ...["--dump-dom", url],
  ]);
  return stdout;
}
