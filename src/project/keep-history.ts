import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "../platform/tools.ts";
import { remoteUrl } from "./remote-url.ts";

/** One git command in a directory of our own, with no settings but ours. */
export type Git = (...args: readonly string[]) => Promise<string>;

export interface History {
  readonly git: Git;
  /** Bare, with everything that was fetched; it becomes the `.git` of the archive. */
  readonly repository: string;
  /** Has the files of the commit. */
  readonly archivePath: string;
  /** Where the repository came from. */
  readonly url: string;
  /** What was asked for. */
  readonly ref: string;
  readonly commit: string;
  /** For what is made on the way. */
  readonly directory: string;
}

const branchPrefix = "refs/remotes/origin/";

/** What is fetched for a repository that is to have its history: its branches, its tags, and what was asked for. */
export const historyRefspecs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];

/**
 * Puts the repository into the archive of its files: its commits, on the branch that was asked for, with an index and the address it came
 * from. Its configuration is ours, so that nothing of anybody's travels in it.
 */
export async function keepHistory(history: History): Promise<void> {
  const { git, repository, archivePath, directory, commit } = history;
  const inside = ["-C", repository] as const;
  const branch = await branchOf(history);
  if (branch === undefined) await git(...inside, "update-ref", "--no-deref", "HEAD", commit);
  else {
    await git(...inside, "update-ref", `refs/heads/${branch}`, commit);
    await git(...inside, "symbolic-ref", "HEAD", `refs/heads/${branch}`);
  }
  await git(...inside, "pack-refs", "--all");
  await git(...inside, "read-tree", commit);
  await writeFile(join(repository, "config"), configOf(history.url, branch));
  // It is for us, and not for whoever commits there.
  for (const name of ["info", "FETCH_HEAD"])
    await rm(join(repository, name), { recursive: true, force: true });
  const whole = join(directory, "whole");
  await mkdir(whole, { mode: 0o700 });
  await rename(repository, join(whole, ".git"));
  await runTool("tar", ["--append", `--file=${archivePath}`, `--directory=${whole}`, ".git"], {
    packageName: "tar",
  });
}

/** Undefined for a tag or a commit. */
async function branchOf({ git, repository, url, ref }: History): Promise<string | undefined> {
  const name = ref === "HEAD" ? await headOf(git, url) : ref.replace(/^refs\/heads\//, "");
  if (name === undefined) return undefined;
  const found = await git(
    ...["-C", repository, "for-each-ref", "--format=%(refname)"],
    `${branchPrefix}${name}`,
  );
  return found.trim() === `${branchPrefix}${name}` ? name : undefined;
}

/** The branch that the repository itself calls its own. */
async function headOf(git: Git, url: string): Promise<string | undefined> {
  const said = await git("ls-remote", "--symref", "--end-of-options", url, "HEAD");
  return /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(said)?.[1];
}

function configOf(url: string, branch: string | undefined): string {
  const origin = remoteUrl(url);
  const lines = [
    ...["[core]", "\trepositoryformatversion = 0", "\tfilemode = true", "\tbare = false"],
    "\tlogallrefupdates = true",
  ];
  if (origin !== undefined)
    lines.push(
      ...['[remote "origin"]', `\turl = ${quoted(origin)}`],
      "\tfetch = +refs/heads/*:refs/remotes/origin/*",
    );
  if (origin !== undefined && branch !== undefined)
    lines.push(
      ...[`[branch ${quoted(branch)}]`, "\tremote = origin"],
      `\tmerge = ${quoted(`refs/heads/${branch}`)}`,
    );
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
