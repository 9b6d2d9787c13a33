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

/** The executable of the pyro that runs this, with every link resolved. */
export function ownExecutable(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (folder !== dirname(folder)) {
    if (isOurPackage(folder)) return realpathSync(join(folder, "bin", "pyro"));
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
