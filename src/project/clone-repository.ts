import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asPyroError, PyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";
import { clonesDirectory, ensurePrivateDirectory } from "../platform/directories.ts";
import { removeAbandoned, temporaryNeighbour } from "../platform/files.ts";
import { removeTree } from "../platform/remove-tree.ts";
import { runTool } from "../platform/tools.ts";
import { type Git, historyRefspecs, keepHistory } from "./keep-history.ts";
import { withoutPassword } from "./remote-url.ts";

/** A client waits for it, some only so long. */
const deadlineMs = 240_000;

/** The files of one commit, as an archive. */
export interface ClonedTree {
  readonly archivePath: string;
  readonly commit: string;
  /** Private to this process; whoever cloned removes it. */
  readonly directory: string;
}

/** The files of a repository come as they were committed: no line ends changed, nothing left out, nothing substituted. */
const plainAttributes =
  "* -export-ignore -export-subst -text -ident !eol !filter !working-tree-encoding\n";

/** Nothing of the user's, the system's or the repository's may decide what git does or runs. */
const settings = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.attributesFile=/dev/null",
  "credential.helper=",
  "protocol.allow=never",
  "protocol.file.allow=always",
  "protocol.https.allow=always",
  "protocol.ssh.allow=always",
  "protocol.ext.allow=never",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "transfer.bundleURI=false",
  "tar.umask=0022",
].flatMap((setting) => ["-c", setting]);

export interface CloneOptions {
  /** The clone is made below it: nobody else may put anything there. */
  readonly cacheDirectory: string;
  /** A branch, tag or commit. Default: what the repository's HEAD names. */
  readonly ref?: string | undefined;
  /** Puts a `.git` with all that the repository has into the archive. Default false: one commit is fetched, and travels without. */
  readonly withGit?: boolean | undefined;
}

/** Fetches a commit and makes an archive of its files; no file of it is ever checked out. */
export async function cloneRepository(
  url: string,
  { cacheDirectory, ref = "HEAD", withGit = false }: CloneOptions,
): Promise<ClonedTree> {
  requireUsable(url, ref);
  const clones = clonesDirectory(cacheDirectory);
  ensurePrivateDirectory(cacheDirectory);
  ensurePrivateDirectory(clones);
  await removeAbandoned(clones);
  const directory = temporaryNeighbour(join(clones, "clone"));
  const repository = join(directory, "repository");
  const archivePath = join(directory, "tree.tar");
  try {
    await mkdir(join(directory, "home"), { recursive: true, mode: 0o700 });
    const git = gitIn(directory);
    await git("init", "--quiet", "--bare", "--template=", repository);
    await mkdir(join(repository, "info"), { recursive: true });
    await writeFile(join(repository, "info", "attributes"), plainAttributes);
    const inside = ["-C", repository] as const;
    const quietly = ["--quiet", "--no-tags", "--no-recurse-submodules"];
    const refs = withGit ? [ref, ...historyRefspecs] : [ref];
    if (!withGit) quietly.push("--depth=1");
    await git(...inside, "fetch", ...quietly, "--end-of-options", url, ...refs);
    const commit = (await git(...inside, "rev-parse", "--verify", "FETCH_HEAD^{commit}")).trim();
    await git(...inside, "archive", "--format=tar", `--output=${archivePath}`, commit);
    if (withGit) await keepHistory({ git, repository, archivePath, url, ref, commit, directory });
    else await removeTree(repository);
    return { archivePath, commit, directory };
  } catch (error) {
    await removeTree(directory);
    throw unreachable(url, ref, error);
  }
}

/** The forms that name a repository and cannot be taken for an option or a command. */
function requireUsable(url: string, ref: string): void {
  const isKnown =
    /^(https|ssh|file):\/\/[^-\s]\S*$/.test(url) ||
    /^[\w.][\w.-]*@[\w.][\w.-]*:[^\s-]\S*$/.test(url) ||
    url.startsWith("/");
  if (!isKnown || /[\0\n]/.test(url))
    throw new PyroError(
      "invalid_argument",
      `"${visibleText(url)}" is no repository that can be cloned.`,
      {
        hint: "Give https://…, ssh://…, user@host:path or an absolute path.",
      },
    );
  if (!/^[\w][\w./+@-]*$/.test(ref) || ref.includes("..") || ref.includes("@{"))
    throw new PyroError("invalid_argument", `"${visibleText(ref)}" is no branch, tag or commit.`);
}

function gitIn(directory: string): Git {
  const signal = AbortSignal.timeout(deadlineMs);
  const env = {
    HOME: join(directory, "home"),
    XDG_CONFIG_HOME: join(directory, "home"),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    SSH_ASKPASS: "/bin/false",
    GIT_SSH_COMMAND: "ssh -oBatchMode=yes -oConnectTimeout=20",
    GIT_CEILING_DIRECTORIES: directory,
  };
  return (...args) => runTool("git", [...settings, ...args], { packageName: "git", signal, env });
}

function unreachable(url: string, ref: string, error: unknown): unknown {
  const { code, message } = asPyroError(error);
  const address = visibleText(withoutPassword(url));
  if (code === "host_tool_missing") return error;
  const why =
    code === "host_tool_failed" ? message.replace(/^git ended with code \d+: /, "") : message;
  const what = ref === "HEAD" ? address : `${visibleText(ref)} of ${address}`;
  return new PyroError(
    "repository_unreachable",
    `${what} cannot be fetched: ${why.replaceAll(visibleText(url), address)}`,
    {
      cause: error,
      hint: "Check the address and the ref. Repositories that ask for a password cannot be used.",
    },
  );
}
