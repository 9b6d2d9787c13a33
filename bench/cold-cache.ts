import { spawnSync } from "node:child_process";
import { copyFile, mkdir, open, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../src/platform/config.ts";
import type { Bench } from "./bench.ts";

const templates = "templates";

/** The product's cache without its templates, so that guests boot. */
export interface ColdCache extends AsyncDisposable {
  readonly config: Config;
  /** Makes the next start a cold one again. */
  forgetTemplates(): Promise<void>;
  /** Writes the templates to disk and drops them from the host's page cache. */
  evictTemplates(): Promise<void>;
}

/**
 * Shows the real environments and boot files through links and keeps templates of its own: the real ones stay
 * where they are, whatever happens here and whoever uses them meanwhile.
 */
export async function makeColdCache({ config, workDirectory }: Bench): Promise<ColdCache> {
  const directory = join(workDirectory, "cold-cache");
  await mkdir(directory, { mode: 0o700 });
  for (const entry of await readdir(config.cacheDirectory, { withFileTypes: true })) {
    const [source, target] = [join(config.cacheDirectory, entry.name), join(directory, entry.name)];
    if (entry.name === templates) continue;
    if (entry.isDirectory()) await symlink(source, target);
    else if (entry.isFile() && !/\.(lock|partial)$/.test(entry.name))
      await copyFile(source, target);
  }
  const root = join(directory, templates);
  return {
    config: { ...config, cacheDirectory: directory },
    forgetTemplates: () => rm(root, { recursive: true, force: true }),
    evictTemplates: () => evict(root),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

async function evict(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // Only clean pages can be dropped.
    await using file = await open(path, "r");
    await file.datasync();
    const { status } = spawnSync("dd", [`if=${path}`, "iflag=nocache", "count=0", "status=none"]);
    if (status !== 0) throw new Error(`dd could not drop ${path} from the page cache.`);
  }
}
