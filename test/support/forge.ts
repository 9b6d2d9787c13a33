import { execFileSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { issueCa, issueForHost } from "../../src/network/broker/certificates.ts";
import { repository, scratchDirectory } from "./home.ts";
import type { Outside } from "./outside.ts";
import { type PyroProcess, startProcess } from "./process.ts";

/** A host outside that asks for a token and has a Git repository; signed for by somebody whom only `mounts` trusts. */
export class Forge implements AsyncDisposable {
  readonly host: string;
  /** A line for each request: whether the token came, the method, host and path. */
  readonly requests: string[] = [];
  readonly #server: PyroProcess;
  readonly #directory: string;

  private constructor(host: string, server: PyroProcess, directory: string) {
    this.host = host;
    this.#server = server;
    this.#directory = directory;
    createInterface(server.child.stdout).on("line", (line) => this.requests.push(line));
  }

  static async open(outside: Outside, host: string, token: string): Promise<Forge> {
    const directory = scratchDirectory();
    const ca = issueCa();
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { certificatePem } = issueForHost(ca, host, createPublicKey(privateKey));
    mkdirSync(join(directory, "trusted"));
    for (const [name, text] of [
      ["trusted/outside.pem", ca.certificatePem],
      ["certificate.pem", certificatePem],
      ["key.pem", privateKey.export({ type: "pkcs8", format: "pem" }).toString()],
      ["token", token],
    ] as const)
      writeFileSync(join(directory, name), text);
    const bare = join(directory, "repositories", "private.git");
    for (const args of [
      ["init", "--quiet", "--bare", "--initial-branch=main", bare],
      ["-C", bare, "config", "http.receivepack", "true"],
    ])
      execFileSync("git", args, { env: { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1" } });
    const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
    const server = startProcess(
      [...outside.inside, ...node, "test/support/forge-server.ts", directory],
      { env: { PATH: process.env.PATH ?? "" }, cwd: repository, openInput: true, ownStdout: true },
    );
    await server.said("listening");
    outside.names.meanings.set(host, () => [outside.publicAddress]);
    return new Forge(host, server, directory);
  }

  /** A shell line after which this machine trusts the host. For a shell with mounts of its own. */
  get mounts(): string {
    return `mount --bind ${join(this.#directory, "trusted")} /etc/ssl/certs`;
  }

  get repositoryUrl(): string {
    return `https://${this.host}/repositories/private.git`;
  }

  /** Takes what is checked out in a directory of this machine as its main branch. */
  receive(checkout: string): void {
    const bare = join(this.#directory, "repositories", "private.git");
    const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1" };
    execFileSync("git", ["-C", checkout, "push", "--quiet", bare, "HEAD:main"], { env });
  }

  /** What git says of the repository itself. */
  git(...args: readonly string[]): string {
    const bare = join(this.#directory, "repositories", "private.git");
    const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1" };
    return execFileSync("git", ["-C", bare, ...args], { env, encoding: "utf8" }).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
