import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Programs that only some tests drive: too large to come along with a checkout, installed once and kept. */
export class InstalledPackages {
  readonly #folder: string;
  readonly #versions: Readonly<Record<string, string>>;

  /** `name` tells this set from others; `versions` are exact. */
  constructor(name: string, versions: Readonly<Record<string, string>>) {
    const caches = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
    this.#folder = join(caches, name);
    this.#versions = versions;
  }

  /** Where the programs' names are. */
  get programs(): string {
    return join(this.#folder, "node_modules", ".bin");
  }

  directory(name: string): string {
    return join(this.#folder, "node_modules", name);
  }

  /** Installs what is missing, running no script of any package; true when something was. */
  async install(): Promise<boolean> {
    const wanted = Object.entries(this.#versions);
    if (wanted.every(([name, version]) => this.#found(name) === version)) return false;
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, "package.json"), `{ "private": true }\n`);
    const named = wanted.map(([name, version]) => `${name}@${version}`);
    await run("npm", ["install", "--ignore-scripts", "--no-fund", "--no-audit", ...named], {
      cwd: this.#folder,
    });
    return true;
  }

  #found(name: string): string | undefined {
    const path = join(this.directory(name), "package.json");
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).version : undefined;
  }
}
