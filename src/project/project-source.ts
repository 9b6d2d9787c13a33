import { resolve } from "node:path";
import { PyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";
import { readConfig } from "../platform/config.ts";
import { removeTreeSync } from "../platform/remove-tree.ts";
import type { ClonedTree } from "./clone-repository.ts";
import { findCheckout } from "./find-checkout.ts";
import { withoutPassword } from "./remote-url.ts";

/** What a workspace starts from. */
export interface Seed {
  readonly path: string;
  /** Whether it is a directory, in which ignored files can be left out. */
  readonly isDirectory: boolean;
  /** For people and models. */
  readonly description: string;
}

export interface ProjectOptions {
  readonly projectPath?: string | undefined;
  readonly repoUrl?: string | undefined;
  readonly repoRef?: string | undefined;
  /** Whether workspaces get the repository at `repoUrl` with its history. Default false. */
  readonly withGit?: boolean | undefined;
  /** Where the server was started. */
  readonly currentDirectory: string;
}

/** The code that a server's workspaces are about. */
export interface ProjectSource extends Disposable {
  /** One line. */
  readonly description: string;
  /** Its directory on the host, if it has one. */
  readonly directory: string | undefined;
  /** What a workspace starts from; the first call may take long. */
  seed(): Promise<Seed>;
}

/** The project that the options name, or the checkout around the current directory; undefined when there is none. */
export function findProject(options: ProjectOptions): ProjectSource | undefined {
  const { projectPath, repoUrl, repoRef, withGit, currentDirectory } = options;
  if (repoUrl !== undefined && projectPath !== undefined)
    throw new PyroError("invalid_argument", "A project is a directory or a repository, not both.", {
      hint: "Give --project-path or --repo-url.",
    });
  if (repoUrl !== undefined)
    return repositoryProject(absoluteUrl(repoUrl, currentDirectory), { ref: repoRef, withGit });
  if (withGit)
    throw new PyroError("invalid_argument", "The history of a clone needs its repository.", {
      hint: "Give --repo-url as well; a checkout of this machine comes with its .git as it is.",
    });
  if (repoRef !== undefined)
    throw new PyroError("invalid_argument", "A ref needs its repository.", {
      hint: "Give --repo-url as well.",
    });
  const directory =
    projectPath === undefined
      ? findCheckout(currentDirectory)
      : resolve(currentDirectory, projectPath);
  return directory === undefined ? undefined : directoryProject(directory);
}

function directoryProject(directory: string): ProjectSource {
  const description = `the project ${visibleText(directory)}`;
  return {
    description,
    directory,
    seed: async () => ({ path: directory, isDirectory: true, description }),
    [Symbol.dispose]: () => undefined,
  };
}

/** Cloned once, so that all workspaces of a server start from the same commit. */
function repositoryProject(
  url: string,
  asked: { readonly ref: string | undefined; readonly withGit: boolean | undefined },
): ProjectSource {
  const { ref, withGit } = asked;
  const address = withoutPassword(url);
  const name = visibleText(ref === undefined ? address : `${address} at ${ref}`);
  let cloning: Promise<ClonedTree> | undefined;
  let cloned: ClonedTree | undefined;
  const clone = async () => {
    const { cloneRepository } = await import("./clone-repository.ts");
    const { cacheDirectory } = readConfig();
    cloned = await cloneRepository(url, { ...asked, cacheDirectory });
    return cloned;
  };
  return {
    description: `a ${withGit ? "clone with the history" : "clean clone"} of ${name}`,
    directory: undefined,
    seed: async () => {
      cloning ??= clone();
      // A repository that could not be reached may be, the next time.
      cloning.catch(() => {
        cloning = undefined;
      });
      const { archivePath, commit } = await cloning;
      return {
        path: archivePath,
        isDirectory: false,
        description: `${name}, commit ${commit}`,
      };
    },
    [Symbol.dispose]: () => {
      if (cloned !== undefined) removeTreeSync(cloned.directory);
    },
  };
}

/** A path is meant from where the server was started. */
function absoluteUrl(url: string, currentDirectory: string): string {
  return /^[a-z+]+:|^[^/]+@[^/]+:/i.test(url) ? url : resolve(currentDirectory, url);
}
