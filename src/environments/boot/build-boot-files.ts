import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { PyroError } from "../../model/errors.ts";
import {
  flush,
  readJsonFile,
  temporaryNeighbour,
  writeFileAtomically,
} from "../../platform/files.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import { startMmdebstrap } from "../debian/mmdebstrap.ts";
import { type BootFiles, type BootFilesOptions, initramfsName } from "./boot-files.ts";
import { buildCpio, type CpioEntry } from "./cpio.ts";
import { kernelDirectory, kernelPackage, kernelSuite } from "./kernel-choice.ts";
import { loadOrder, moduleName, type OnDemandModule, planOnDemand } from "./modules.ts";
import { extractVmlinux } from "./vmlinux.ts";

/** The jailed monitor has an identity of its own and opens these files through descriptors. */
const jailReadableMode = 0o644;

/** Fetches the kernel when it is missing and packs the initial file system; both below `root`. */
export async function buildBootFiles(options: BootFilesOptions, root: string): Promise<BootFiles> {
  const kernel = await ensureKernel(options, root);
  const initramfs = buildInitramfs(await readFile(options.agentPath), kernel);
  const digest = createHash("sha256").update(kernel.digest).update(initramfs).digest("hex");
  const initramfsPath = join(root, initramfsName(digest));
  await writeFileAtomically(initramfsPath, initramfs, jailReadableMode);
  return { kernelPath: kernel.path, initramfsPath, digest: `sha256:${digest}` };
}

interface Kernel {
  readonly path: string;
  readonly digest: string;
  readonly plan: ModulePlan;
  /** Of all modules in the plan. */
  readonly modules: ReadonlyMap<string, Buffer>;
}

interface ModulePlan {
  /** Loaded in this order when the guest boots. */
  readonly loadOrder: readonly string[];
  readonly onDemand: readonly OnDemandModule[];
}

/** The kernel and its modules from the cache, else from Debian's archive. */
async function ensureKernel(options: BootFilesOptions, root: string): Promise<Kernel> {
  const directory = join(root, kernelDirectory());
  const path = join(directory, "vmlinux");
  const plan =
    (await readPlan(directory)) ??
    (await fetchKernel(options, directory).then(() => readPlan(directory)));
  if (plan === undefined)
    throw new PyroError("environment_build_failed", "The guest kernel's modules are not listed.");
  const modules = new Map<string, Buffer>();
  for (const name of namesOf(plan))
    modules.set(name, await readFile(join(directory, `${name}.ko`)));
  const digest = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  return { path, digest, plan, modules };
}

/** What was fetched, as it is kept beside the modules. */
async function readPlan(directory: string): Promise<ModulePlan | undefined> {
  const record = (await readJsonFile(join(directory, "modules.json"))) as
    | Partial<ModulePlan>
    | undefined;
  if (record?.loadOrder === undefined || record.onDemand === undefined) return undefined;
  return { loadOrder: record.loadOrder, onDemand: record.onDemand };
}

function namesOf({ loadOrder, onDemand }: ModulePlan): string[] {
  return [...loadOrder, ...onDemand.map(({ name }) => name)];
}

async function fetchKernel(options: BootFilesOptions, directory: string): Promise<void> {
  options.onStep?.("fetching the guest kernel");
  const { image, modules } = await readKernelPackage(options);
  const order = loadOrder(modules);
  const record: ModulePlan = { loadOrder: order, onDemand: planOnDemand(modules, order) };
  const temporary = temporaryNeighbour(directory);
  try {
    await mkdir(temporary, { mode: 0o700 });
    await writeFile(join(temporary, "vmlinux"), extractVmlinux(image), { mode: jailReadableMode });
    for (const name of namesOf(record))
      await writeFile(join(temporary, `${name}.ko`), modules.get(name) ?? "");
    await writeFile(join(temporary, "modules.json"), JSON.stringify(record));
    const names = ["vmlinux", "modules.json", ...namesOf(record).map((name) => `${name}.ko`)];
    await flush(...names.map((name) => join(temporary, name)), temporary);
    await removeTree(directory);
    await rename(temporary, directory);
  } finally {
    await removeTree(temporary);
  }
}

/** Picks the kernel image and all modules out of the unpacked package. */
async function readKernelPackage(
  options: BootFilesOptions,
): Promise<{ image: Buffer; modules: Map<string, Buffer> }> {
  const tool = startMmdebstrap({
    suite: kernelSuite,
    variant: "extract",
    packages: [kernelPackage],
    config: options.config,
    signal: options.signal,
  });
  const modules = new Map<string, Buffer>();
  let image: Buffer | undefined;
  const archive = tool.stdout.pipe(extract());
  // An aborted fetch has no end that a pipe would pass on.
  tool.stdout.once("close", () => tool.stdout.readableEnded || archive.destroy());
  for await (const entry of archive) {
    const { name, type } = entry.header;
    const kept = type === "file" && (/^\.?\/?boot\/vmlinuz-/.test(name) || name.endsWith(".ko"));
    if (!kept) {
      entry.resume();
      continue;
    }
    const content = Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>));
    if (name.endsWith(".ko")) modules.set(moduleName(name), content);
    else image = content;
  }
  await tool.done;
  if (image === undefined)
    throw new PyroError(
      "environment_build_failed",
      `The package ${kernelPackage} of Debian ${kernelSuite} has no kernel image.`,
    );
  return { image, modules };
}

const directoryMode = 0o040755;
const programMode = 0o100755;
const fileMode = 0o100644;

function buildInitramfs(agent: Buffer, { plan, modules }: Kernel): Buffer {
  const directories = ["dev", "proc", "sys", "run", "mnt", "lib", "lib/modules"];
  const paths = plan.loadOrder.map((name) => `lib/modules/${name}.ko`);
  const contentOf = (name: string) => modules.get(name) ?? Buffer.alloc(0);
  return buildCpio([
    ...[...directories, "lib/modules/on-demand"].map((name) => ({ name, mode: directoryMode })),
    { name: "init", mode: programMode, content: agent },
    ...plan.loadOrder.map((name) => fileEntry(`lib/modules/${name}.ko`, contentOf(name))),
    fileEntry("lib/modules/load-order", paths.map((path) => `/${path}\n`).join("")),
    // Most guests never load these: packed, they take a third of the memory.
    ...plan.onDemand.map(({ name }) =>
      fileEntry(`lib/modules/on-demand/${name}.ko.gz`, gzipSync(contentOf(name))),
    ),
    fileEntry("lib/modules/on-demand/index", plan.onDemand.map(indexLine).join("")),
  ]);
}

function fileEntry(name: string, content: Buffer | string): CpioEntry {
  return { name, mode: fileMode, content: Buffer.from(content) };
}

/** As the guest agent reads it (`guest/internal/boot/modprobe.go`). */
function indexLine({ name, needs, aliases }: OnDemandModule): string {
  return `${name}\t${needs.join(" ")}\t${aliases.join(" ")}\n`;
}
