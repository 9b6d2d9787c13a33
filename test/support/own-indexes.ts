import { execFile } from "node:child_process";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { registryHosts } from "../../src/network/registries.ts";

// What this machine's own package managers are set to, defaults included. No index is named here.

const run = promisify(execFile);

/** Of an environment whose package managers are used. */
export const packageManagers = [
  ...["ca-certificates", "cargo", "git", "golang-go", "maven", "default-jdk-headless"],
  ...["npm", "python3-pip"],
];

/** The variables that say what each of them is set to. */
export const [pip, npm, go] = ["PIP_INDEX_URL", "npm_config_registry", "GOPROXY"] as const;

/** Whom this machine trusts, and where a Debian guest has that. */
export const trusted = process.env.SSL_CERT_FILE || "/etc/ssl/certs/ca-certificates.crt";
export const guestTrusted = "/etc/ssl/certs/ca-certificates.crt";

/** The indexes by their variables, as far as there are such clients. */
export async function ownIndexes(): Promise<Partial<Record<string, string>>> {
  const url = /(https?:\/\/[^\s),|]+)/;
  const asked: Readonly<Record<string, readonly string[][]>> = {
    [pip]: [
      ["pip", "config", "get", "global.index-url"],
      ["pip", "install", "--help"],
    ],
    [npm]: [["npm", "config", "get", "registry"]],
    [go]: [["go", "env", "GOPROXY"]],
  };
  const found: Partial<Record<string, string>> = {};
  for (const [name, commands] of Object.entries(asked)) {
    const index = await indexOf(url, commands);
    if (index !== undefined) found[name] = index;
  }
  return found;
}

async function indexOf(pattern: RegExp, commands: readonly string[][]) {
  for (const [program = "", ...args] of commands) {
    const said = await run(program, args, { cwd: "/" }).catch(() => ({ stdout: "" }));
    const [, index] = pattern.exec(said.stdout.replace(/\s+/g, " ")) ?? [];
    if (index !== undefined) return index;
  }
  return undefined;
}

/** Why an install from `index` cannot be tried; undefined where it answers. */
export async function missing(index: string | undefined): Promise<string | undefined> {
  if (index === undefined) return "this machine has no such client, or it names no index";
  const answer = await fetch(index, { signal: AbortSignal.timeout(20_000) }).catch(() => undefined);
  return answer === undefined ? "this machine reaches no such index" : undefined;
}

/** The first registry that is named so, where this machine reaches it; else the test is skipped. */
export async function reachedRegistry(t: TestContext, name: RegExp): Promise<string | undefined> {
  const host = registryHosts.find((one) => name.test(one));
  const why = await missing(host === undefined ? undefined : `https://${host}/`);
  if (why === undefined) return host;
  t.skip(why);
  return undefined;
}
