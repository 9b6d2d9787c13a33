import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The agents these tests know, and what must run once because npm runs no install scripts. */
const packages = {
  "@anthropic-ai/claude-code": { version: "2.1.329", finish: "install.cjs" },
  "@openai/codex": { version: "0.169.0", finish: undefined },
  "opencode-ai": { version: "1.18.33", finish: "postinstall.mjs" },
};

const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pyro-test-hosts");

/** Where the agents' programs are, once they are installed. */
export const agentPrograms = join(folder, "node_modules", ".bin");

/** Installs what is missing; more than a gigabyte the first time. */
export async function installAgents(): Promise<void> {
  const missing = Object.entries(packages).filter(([name, { version }]) => found(name) !== version);
  if (missing.length === 0) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), `{ "private": true, "name": "pyro-test-hosts" }\n`);
  const wanted = Object.entries(packages).map(([name, { version }]) => `${name}@${version}`);
  await run("npm", ["install", "--ignore-scripts", "--no-fund", "--no-audit", ...wanted], {
    cwd: folder,
  });
  for (const [name, { finish }] of Object.entries(packages))
    if (finish !== undefined)
      await run(process.execPath, [finish], { cwd: join(folder, "node_modules", name) });
}

function found(name: string): string | undefined {
  const path = join(folder, "node_modules", name, "package.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).version : undefined;
}
