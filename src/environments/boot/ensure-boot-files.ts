import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { PyroError } from "../../model/errors.ts";
import type { Config } from "../../platform/config.ts";
import { readJsonFile, removeAbandoned, writeFileAtomically } from "../../platform/files.ts";
import { acquireLock } from "../../platform/lock.ts";
import type { BootFiles, BootFilesOptions } from "./boot-files.ts";
import { kernelDirectory } from "./kernel-choice.ts";

export type BootFilesPlace = Pick<Config, "cacheDirectory">;

interface BootIndex {
  /** Which agent binary and which kernel, with which modules, the files were made from. */
  readonly madeFrom: string;
  readonly files: BootFiles;
}

/** The boot files, if they are in the cache and made from what there is now. Reads two small files. */
export async function findBootFiles({
  config,
  agentPath,
}: BootFilesOptions): Promise<BootFiles | undefined> {
  const index = await readIndex(config);
  if (index?.madeFrom !== (await ingredients(agentPath))) return undefined;
  return index.files;
}

/** The boot files, fetched and built when they are missing. Safe in several processes at once. */
export async function ensureBootFiles(options: BootFilesOptions): Promise<BootFiles> {
  const found = await findBootFiles(options);
  if (found !== undefined && (await areThere(found))) return found;
  const root = join(options.config.cacheDirectory, "boot");
  await mkdir(root, { recursive: true, mode: 0o700 });
  using _lock = await acquireLock(join(root, "lock"), {
    signal: options.signal,
    onWait: () => options.onStep?.("waiting for another process to fetch the guest kernel"),
  });
  const meanwhile = await findBootFiles(options);
  if (meanwhile !== undefined && (await areThere(meanwhile))) return meanwhile;
  await removeAbandoned(root);
  const { buildBootFiles } = await import("./build-boot-files.ts");
  const files = await buildBootFiles(options, root);
  const index: BootIndex = { madeFrom: await ingredients(options.agentPath), files };
  await writeFileAtomically(indexPath(options.config), JSON.stringify(index));
  return files;
}

/** The boot files that were made last, from whatever that was. */
export async function recordedBootFiles(place: BootFilesPlace): Promise<BootFiles | undefined> {
  return (await readIndex(place))?.files;
}

async function readIndex(place: BootFilesPlace): Promise<BootIndex | undefined> {
  return (await readJsonFile(indexPath(place))) as BootIndex | undefined;
}

/** Tells one agent binary from another without reading it, and one choice of modules from another. */
async function ingredients(path: string): Promise<string> {
  try {
    const { size, mtimeMs, ino } = await stat(path);
    return [path, size, mtimeMs, ino, kernelDirectory()].join(" ");
  } catch (error) {
    throw new PyroError("host_tool_missing", `The guest agent is not at ${path}.`, {
      hint: "In a checkout, build it: make build",
      cause: error,
    });
  }
}

function indexPath({ cacheDirectory }: BootFilesPlace): string {
  return join(cacheDirectory, "boot", "index.json");
}

async function areThere({ kernelPath, initramfsPath }: BootFiles): Promise<boolean> {
  return Promise.all([stat(kernelPath), stat(initramfsPath)]).then(
    () => true,
    () => false,
  );
}
