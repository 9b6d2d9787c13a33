import { statSync } from "node:fs";
import { basename, dirname, isAbsolute, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { ProfileName } from "../index.ts";
import { PyroError } from "../index.ts";
import { isOurPackage } from "./executables.ts";

/** What `pyro mcp serve` is started with. */
export interface ServeOptions {
  readonly profile?: ProfileName | undefined;
  readonly projectPath?: string | undefined;
  readonly repoUrl?: string | undefined;
  readonly repoRef?: string | undefined;
  readonly withGit?: boolean | undefined;
  readonly allowPath?: readonly string[] | undefined;
}

/** The options as they stand in an entry, and what stands there that `pyro mcp serve` would not take. */
export interface ParsedArguments {
  readonly options: ServeOptions;
  /** Further valid arguments, handed on as they are. */
  readonly others: readonly string[];
  readonly unknown: readonly string[];
}

/** `pyro mcp serve …` as an absolute command line that begins with `program`. Paths are made absolute: a server starts somewhere else. */
export function serveCommand(
  program: readonly string[],
  options: ServeOptions,
  { currentDirectory, others = [] }: { currentDirectory: string; others?: readonly string[] },
): readonly string[] {
  const { profile, projectPath, repoUrl, repoRef, withGit, allowPath = [] } = options;
  if (projectPath !== undefined && repoUrl !== undefined)
    throw new PyroError("invalid_argument", "A project is a directory or a repository, not both.", {
      hint: "Give --project-path or --repo-url.",
    });
  if (repoRef !== undefined && repoUrl === undefined)
    throw new PyroError("invalid_argument", "A ref needs its repository.", {
      hint: "Give --repo-url as well.",
    });
  if (withGit && repoUrl === undefined)
    throw new PyroError("invalid_argument", "The history of a clone needs its repository.", {
      hint: "Give --repo-url as well; a checkout of this machine comes with its .git as it is.",
    });
  return [
    ...program,
    "mcp",
    "serve",
    ...(profile === undefined ? [] : ["--profile", profile]),
    ...(projectPath === undefined
      ? []
      : ["--project-path", directory("--project-path", resolve(currentDirectory, projectPath))]),
    ...(repoUrl === undefined ? [] : ["--repo-url", repoUrl]),
    ...(repoRef === undefined ? [] : ["--repo-ref", repoRef]),
    ...(withGit ? ["--with-git"] : []),
    ...allowPath.flatMap((path) => [
      "--allow-path",
      directory("--allow-path", resolve(currentDirectory, path)),
    ]),
    ...others,
  ];
}

/** Whether a command line starts our server, whichever pyro it names. */
export function isOurCommand(command: readonly string[]): boolean {
  const at = subcommandAt(command);
  if (at < 1) return false;
  return command
    .slice(0, at)
    .some(
      (word) =>
        basename(word) === "pyro" || /(^|\/)pyro-mcp(@|\/|$)/.test(word) || isOurBundle(word),
    );
}

/** What an entry of ours says after `mcp serve`. */
export function parseServeCommand(command: readonly string[]): ParsedArguments {
  const { values, tokens } = parseArgs({
    args: command.slice(subcommandAt(command) + 2),
    options: Object.fromEntries(
      Object.entries(takes).map(([name, type]) => [
        name,
        { type, multiple: name === "allow-path" },
      ]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const text = (name: string) => (typeof values[name] === "string" ? values[name] : undefined);
  const options = {
    profile: text("profile") as ProfileName | undefined,
    projectPath: text("project-path"),
    repoUrl: text("repo-url"),
    repoRef: text("repo-ref"),
    withGit: values["with-git"] === true || undefined,
    allowPath: values["allow-path"] as string[] | undefined,
  };
  const others = ["tools", "exclude"].flatMap((name) => {
    const value = text(name);
    return value === undefined ? [] : [`--${name}`, value];
  });
  if (values["read-only"] === true) others.push("--read-only");
  const unknown = tokens.flatMap((token) => {
    if (token.kind === "positional") return [token.value];
    return token.kind === "option" && !isComplete(token) ? [token.rawName] : [];
  });
  return { options, others, unknown };
}

function isComplete({ name, value }: { name: string; value?: string | undefined }): boolean {
  return Object.hasOwn(takes, name) && (takes[name] === "boolean") === (value === undefined);
}

const takes: Readonly<Record<string, "string" | "boolean">> = {
  profile: "string",
  "project-path": "string",
  "repo-url": "string",
  "repo-ref": "string",
  "with-git": "boolean",
  "allow-path": "string",
  tools: "string",
  exclude: "string",
  "read-only": "boolean",
};

function subcommandAt(command: readonly string[]): number {
  return command.findIndex((word, at) => word === "mcp" && command[at + 1] === "serve");
}

/** `node …/dist/cli.js mcp serve` names a package of ours. */
function isOurBundle(word: string): boolean {
  return isAbsolute(word) && word.endsWith("/dist/cli.js") && isOurPackage(dirname(dirname(word)));
}

function directory(option: string, path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  throw new PyroError("invalid_argument", `${option} is "${path}", which is not a directory.`);
}
