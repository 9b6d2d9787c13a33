import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PyroError } from "../index.ts";

/** What is wrong with the program of a command line; undefined when it can be started. */
export function programTrouble(program: string, path = ""): string | undefined {
  const candidates = program.includes("/")
    ? [program]
    : path.split(":").map((folder) => join(folder, program));
  const present = candidates.filter((candidate) => existsSync(candidate));
  if (present.length === 0) return `${program} does not exist`;
  return present.some(isExecutable) ? undefined : `${program} is not executable`;
}

/** What starts the pyro that runs this: its launcher, or the Node that runs this, for where the launcher finds none or an older one. */
export function ownCommands(): readonly (readonly string[])[] {
  const root = ownPackage();
  return [[join(root, "bin", "pyro")], [process.execPath, join(root, "dist", "cli.js")]];
}

/** The first of them that works with the PATH that every program has, a coding agent started from a desktop included. */
export function ownCommand(): readonly string[] {
  const bare = { env: { PATH: "/usr/local/bin:/usr/bin:/bin" }, stdio: "ignore" } as const;
  const works = ([program = "", ...args]: readonly string[]) =>
    spawnSync(program, [...args, "--version"], bare).status === 0;
  return ownCommands().find(works) ?? [];
}

/** The root of the package that this belongs to, with every link resolved. */
function ownPackage(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (folder !== dirname(folder)) {
    if (isOurPackage(folder)) return realpathSync(folder);
    folder = dirname(folder);
  }
  throw new PyroError("internal", "pyro does not find its own package.");
}

/** The first executable of this name on a PATH; undefined when there is none. */
export function findExecutable(name: string, path = ""): string | undefined {
  return path
    .split(":")
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** Whether `folder` is the root of a pyro package. */
export function isOurPackage(folder: string): boolean {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name === "pyro-mcp";
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
