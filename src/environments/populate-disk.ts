import { open, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { namingNoSpace } from "../platform/files.ts";
import { jailMark } from "../platform/stranded-jails.ts";
import { startTool } from "../platform/tools.ts";
import { ext4Features } from "./ext4-format.ts";

const treeDirectory = "/tree";
const outputDirectory = "/output";
/** More would make a command line that is too long. */
const hiddenMax = 256;

export interface PopulateOptions {
  /** Directory on the host that becomes `target` of the disk. */
  readonly source: string;
  /** Name of a directory of the disk. */
  readonly target: string;
  /** Directories below `source` that are left empty; not all of them need be. */
  readonly hidden?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** Makes a disk at `path`, which must not exist, that has nothing on it: not even a file system. */
export async function createUnformattedDisk(path: string, bytes: number): Promise<void> {
  try {
    await using file = await open(path, "wx", 0o600);
    await file.truncate(bytes);
  } catch (error) {
    throw namingNoSpace(error, path);
  }
}

/**
 * Formats the disk at `path`, which nobody may have read yet, with a copy of a directory in it: hundreds of times faster than an
 * emulated guest makes files. mke2fs runs confined and sees nothing of the host but that directory, so that no link leads it anywhere
 * else. Times keep whole seconds only, and owners are the host's: whoever mounts the disk first has to mend both.
 */
export async function populateDisk(path: string, options: PopulateOptions): Promise<void> {
  try {
    const tool = startTool(
      "bwrap",
      [...populatingJail(path, options), "mke2fs", ...formatting(path)],
      {
        packageName: "bubblewrap",
        signal: options.signal,
      },
    );
    tool.stdout.resume();
    await tool.done;
  } catch (error) {
    await rm(path, { force: true });
    throw namingNoSpace(error, path);
  }
}

/** The bubblewrap arguments that come before mke2fs. */
export function populatingJail(
  path: string,
  { source, target, hidden = [] }: Omit<PopulateOptions, "signal">,
): string[] {
  const tree = `${treeDirectory}/${target}`;
  const system = ["lib", "lib64", "bin", "sbin"].flatMap((name) => [
    "--symlink",
    `usr/${name}`,
    `/${name}`,
  ]);
  // Root without it could not read what belongs to others.
  const rights = process.getuid?.() === 0 ? ["--cap-add", "CAP_DAC_READ_SEARCH"] : [];
  return [
    "--unshare-all",
    "--die-with-parent",
    "--new-session",
    ...jailMark,
    "--cap-drop",
    "ALL",
    ...rights,
    "--ro-bind",
    "/usr",
    "/usr",
    ...system,
    "--dev",
    "/dev",
    "--ro-bind",
    source,
    tree,
    ...hidden.slice(0, hiddenMax).flatMap((name) => ["--tmpfs", `${tree}/${name}`]),
    "--bind",
    dirname(path),
    outputDirectory,
  ];
}

function formatting(path: string): string[] {
  const extended = "no_copy_xattrs,lazy_itable_init=0,lazy_journal_init=1,root_owner=0:0";
  return [
    ...ext4Features,
    "-E",
    extended,
    "-d",
    treeDirectory,
    `${outputDirectory}/${basename(path)}`,
  ];
}
