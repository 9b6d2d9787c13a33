import { closeSync, openSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { displayPath, fromBuffer, joinPath } from "../../model/byte-path.ts";
import { systemErrorCode } from "../../model/errors.ts";
import type { BytePath } from "../../model/tree.ts";
import { below, openFlags } from "../../platform/descriptor-path.ts";
import { parseConfig } from "./config-file.ts";
import { formatWarnings } from "./format-warnings.ts";
import type { OuterGit } from "./outer-git.ts";
import { passwordWarnings } from "./password-warnings.ts";
import { openBelow, readBelow } from "./read-below.ts";
import { TrackedFiles } from "./tracked-files.ts";

/** What a Git checkout in a tree is, by its files alone: git, which obeys them, is not run. */
export interface Checkout {
  /** Why git will not work on a copy as it does here; one line each. */
  readonly warnings: readonly string[];
  /** Undefined when that is not known, or was not asked for. */
  readonly tracked: TrackedFiles | undefined;
}

/** A directory with a `.git`, in a tree that is being walked. */
export interface CheckoutPlace {
  readonly rootFd: number;
  readonly fd: number;
  /** Of the directory, in the tree. */
  readonly path: BytePath;
  /** Its repository, where that may be read although it, or what it borrows, lies outside. */
  readonly outer?: OuterGit | undefined;
}

export interface InspectOptions {
  /** Room for the paths of tracked files; undefined when they are not wanted. */
  readonly trackedBytesMax: number | undefined;
}

const pointerBytesMax = 4096;
const configBytesMax = 1024 * 1024;
const alternatesBytesMax = 64 * 1024;
const alternatesNamedMax = 10;

const remedy =
  'the command line brings it along with --include-outer-git, and a clone made with "git clone --dissociate" is whole.';
const unknownIndex =
  "its index was not read, so that ignored files stayed behind even where git tracks them.";

/** Nothing outside of the tree is read, wherever the checkout leads, but for an outer repository that was named. */
export function inspectCheckout(place: CheckoutPlace, options: InspectOptions): Checkout {
  const { path, outer } = place;
  const found = outer === undefined ? findGit(place) : openOuter(outer);
  if (found === undefined) return { warnings: [], tracked: undefined };
  const name = path === "" ? "The checkout" : `The checkout ${displayPath(path)}`;
  const { warnings, tracked } =
    typeof found === "string" ? outside(found, options) : inspectFound(found, place, options);
  return { warnings: warnings.map((warning) => `${name}: ${warning}`), tracked };
}

function openOuter({ git, common }: OuterGit): FoundGit {
  const open = (path: string) => ({ fd: openSync(path, openFlags.directory), path: ".git" });
  const own = open(git);
  return { ...own, common: git === common ? own : open(common) };
}

function outside(path: BytePath, { trackedBytesMax }: InspectOptions): Checkout {
  const warnings = [
    `its repository is in ${displayPath(path)}, which does not come along: git will not work on the copy; ${remedy}`,
  ];
  if (trackedBytesMax !== undefined) warnings.push(unknownIndex);
  return { warnings, tracked: undefined };
}

function inspectFound(git: FoundGit, place: CheckoutPlace, options: InspectOptions): Checkout {
  try {
    return inspectGit(git, place, options);
  } finally {
    closeSync(git.fd);
    if (git.common.fd !== git.fd) closeSync(git.common.fd);
  }
}

interface GitDirectory {
  readonly fd: number;
  /** In the tree. */
  readonly path: BytePath;
}

interface FoundGit extends GitDirectory {
  /** What it shares with other checkouts of its repository, where that lies apart. */
  readonly common: GitDirectory;
}

/** The repository's directories, where it is instead of in the tree, or undefined where there is none. */
function findGit({ rootFd, fd, path }: CheckoutPlace): FoundGit | BytePath | undefined {
  const direct = openBelow(fd, ".git");
  const pointer = direct === undefined ? readPointer(fd) : undefined;
  if (direct === undefined && pointer === undefined) return undefined;
  const gitPath = pointer === undefined ? joinPath(path, ".git") : inTree(path, pointer);
  if (gitPath === undefined) return pointer;
  const gitFd = direct ?? openBelow(rootFd, gitPath);
  if (gitFd === undefined) return undefined;
  const git = { fd: gitFd, path: gitPath };
  const commonPointer = readLine(gitFd, "commondir");
  if (commonPointer === undefined) return { ...git, common: git };
  const commonPath = inTree(gitPath, commonPointer);
  const commonFd = commonPath === undefined ? undefined : openBelow(rootFd, commonPath);
  if (commonPath !== undefined && commonFd !== undefined)
    return { ...git, common: { fd: commonFd, path: commonPath } };
  closeSync(gitFd);
  return commonPointer;
}

/** Where a `.git` that is a file or a link leads. */
function readPointer(fd: number): BytePath | undefined {
  const line = readLine(fd, ".git");
  if (line !== undefined) return line.startsWith("gitdir: ") ? line.slice(8) : undefined;
  return readLink(fd, ".git");
}

function readLine(fd: number, name: BytePath): BytePath | undefined {
  const data = readBelow(fd, name, pointerBytesMax);
  return typeof data === "string" ? undefined : fromBuffer(data).replace(/[\r\n]+$/, "");
}

function readLink(fd: number, name: BytePath): BytePath | undefined {
  try {
    return fromBuffer(readlinkSync(below(fd, name), { encoding: "buffer" }));
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}

/** The path in the tree that `target` means from `base`; undefined when it leads out, as every absolute one does in a copy. */
function inTree(base: BytePath, target: BytePath): BytePath | undefined {
  if (target.startsWith("/")) return undefined;
  const path = posix.join(base, target).replace(/\/$/, "");
  return path === ".." || path.startsWith("../") || path === "." ? undefined : path;
}

function inspectGit(
  git: FoundGit,
  place: CheckoutPlace,
  { trackedBytesMax }: InspectOptions,
): Checkout {
  const { common } = git;
  const data = readBelow(common.fd, "config", configBytesMax);
  const config = parseConfig(typeof data === "string" ? "" : fromBuffer(data));
  const warnings = [...formatWarnings(config), ...passwordWarnings(config)];
  if (place.outer === undefined)
    warnings.push(...linksOut(common), ...borrowed(common), ...filesElsewhere(config, git, place));
  if (trackedBytesMax === undefined) return { warnings, tracked: undefined };
  const idBytes = config.get("extensions.objectformat") === "sha256" ? 32 : 20;
  const tracked = TrackedFiles.read(git.fd, { idBytes, pathsBytesMax: trackedBytesMax });
  if (tracked === undefined) warnings.push(unknownIndex);
  return { warnings, tracked };
}

function filesElsewhere(
  config: ReadonlyMap<string, string>,
  git: GitDirectory,
  { path }: CheckoutPlace,
): string[] {
  const files = config.get("core.worktree");
  if (files === undefined || posix.resolve("/", git.path, files) === `/${path}`) return [];
  return [
    `its configuration says that the files are in ${displayPath(files)}: git will not work on the copy.`,
  ];
}

/** Parts of the repository that are links to somewhere else. */
function linksOut({ fd, path }: GitDirectory): string[] {
  return ["objects", "refs", "config", "HEAD", "packed-refs"].flatMap((name) => {
    const target = readLink(fd, name);
    if (target === undefined || inTree(path, target) !== undefined) return [];
    return [
      `its ${displayPath(joinPath(path, name))} is a link to ${displayPath(target)}, which does not come along: git will not work on the copy.`,
    ];
  });
}

/** Objects of other repositories. */
function borrowed({ fd, path }: GitDirectory): string[] {
  const data = readBelow(fd, "objects/info/alternates", alternatesBytesMax);
  if (typeof data === "string") return [];
  const lines = fromBuffer(data).split("\n");
  const outside = lines.filter(
    (line) => line !== "" && !line.startsWith("#") && inTree(`${path}/objects`, line) === undefined,
  );
  return outside
    .slice(0, alternatesNamedMax)
    .map(
      (line) =>
        `it borrows objects from ${displayPath(line)}, which do not come along: git will miss them; ${remedy}`,
    );
}
