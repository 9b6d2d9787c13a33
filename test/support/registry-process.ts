import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The account of a private registry; the hash is bcrypt of the password. */
export const account = {
  username: "ada",
  password: "correct horse",
  bcrypt: "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2",
};

/** Why the real registry cannot run here, or false. */
export function missingRegistryTools(): string | false {
  const missing = ["docker-registry", "skopeo", "setpriv"].filter(
    (tool) => spawnSync(tool, ["--version"]).error,
  );
  return missing.length > 0 && `not installed: ${missing.join(", ")}`;
}

/** A real registry on loopback with its storage in `directory`. */
export class RegistryProcess implements AsyncDisposable {
  readonly host: string;
  /** Access log: `METHOD PATH STATUS` of each request so far. */
  readonly requests: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, host: string, requests: readonly string[]) {
    this.#child = child;
    this.host = host;
    this.requests = requests;
  }

  static async start(directory: string, isPrivate = false): Promise<RegistryProcess> {
    await mkdir(directory, { recursive: true });
    const htpasswd = join(directory, "htpasswd");
    await writeFile(htpasswd, `${account.username}:${account.bcrypt}\n`);
    const settings = {
      version: "0.1",
      log: { level: "info" },
      storage: { filesystem: { rootdirectory: join(directory, "storage") } },
      http: { addr: "127.0.0.1:0" },
      ...(isPrivate && { auth: { htpasswd: { realm: "test", path: htpasswd } } }),
    };
    const settingsFile = join(directory, "config.yml");
    // YAML reads JSON.
    await writeFile(settingsFile, JSON.stringify(settings));
    // The kernel ends it with us, however we end.
    const child = spawn(
      "setpriv",
      ["--pdeathsig", "KILL", "docker-registry", "serve", settingsFile],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { PATH: process.env.PATH ?? "/usr/bin:/bin", OTEL_TRACES_EXPORTER: "none" },
      },
    );
    const requests: string[] = [];
    const port = await new Promise<string>((resolve, reject) => {
      const log: string[] = [];
      const onLine = (line: string) => {
        log.push(line);
        const listening = /listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
        if (listening !== undefined) resolve(listening);
        const [, method, path, status] = /"(\w+) (\S+) HTTP\/1\.1" (\d+)/.exec(line) ?? [];
        if (method !== undefined) requests.push(`${method} ${path} ${status}`);
      };
      createInterface(child.stdout).on("line", onLine);
      createInterface(child.stderr).on("line", onLine);
      child.once("error", reject);
      child.once("exit", (code) =>
        reject(new Error(`registry ended (${code}): ${log.join("\n")}`)),
      );
    });
    return new RegistryProcess(child, `127.0.0.1:${port}`, requests);
  }

  /** Copies the image `tag` of an OCI layout to `repository:tag`. */
  async push(layout: string, repository: string, tag: string): Promise<void> {
    const credentials = ["--dest-creds", `${account.username}:${account.password}`];
    await run("skopeo", [
      "copy",
      "--quiet",
      "--all",
      "--preserve-digests",
      "--insecure-policy",
      "--dest-tls-verify=false",
      ...credentials,
      `oci:${layout}:${tag}`,
      `docker://${this.host}/${repository}:${tag}`,
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
