import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { identityOf, portOf } from "./brokered-host.ts";
import { scratchDirectory } from "./home.ts";

/** Git's own server over HTTPS, with one repository, for whoever sends `authorization`. */
export class GitHost implements AsyncDisposable {
  readonly #server: Server;
  readonly #directory = scratchDirectory();

  private constructor(host: string, authorization: string) {
    for (const args of [
      ["init", "--quiet", "--bare", "--initial-branch=main", "private.git"],
      ["-C", "private.git", "config", "http.receivepack", "true"],
    ])
      execFileSync("git", args, { cwd: this.#directory });
    this.#server = createServer(identityOf(host), (asked, response) => {
      if (asked.headers.authorization === authorization) return this.#answer(asked, response);
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' });
      response.end();
    });
  }

  static async start(host: string, authorization: string): Promise<GitHost> {
    const started = new GitHost(host, authorization);
    started.#server.listen(0, "127.0.0.1");
    await once(started.#server, "listening");
    return started;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** As much of CGI as Git needs. */
  #answer(asked: IncomingMessage, response: ServerResponse): void {
    const [path = "", query = ""] = (asked.url ?? "").split("?");
    const of = (name: string) => String(asked.headers[name] ?? "");
    const backend = spawn("git", ["http-backend"], {
      stdio: ["pipe", "pipe", "ignore"],
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: this.#directory,
        GIT_HTTP_EXPORT_ALL: "1",
        GIT_CONFIG_COUNT: "1",
        GIT_CONFIG_KEY_0: "safe.directory",
        GIT_CONFIG_VALUE_0: join(this.#directory, "private.git"),
        REMOTE_USER: "me",
        REQUEST_METHOD: asked.method,
        PATH_INFO: path,
        QUERY_STRING: query,
        CONTENT_TYPE: of("content-type"),
        CONTENT_LENGTH: of("content-length"),
        HTTP_CONTENT_ENCODING: of("content-encoding"),
        GIT_PROTOCOL: of("git-protocol"),
      },
    });
    backend.stdin.on("error", () => undefined);
    asked.pipe(backend.stdin);
    let head = "";
    backend.stdout.on("data", (chunk: Buffer) => {
      if (response.headersSent) return void response.write(chunk);
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      const fields = head
        .slice(0, end)
        .split("\r\n")
        .map((line) => line.split(/: (.*)/));
      const status = fields.find(([name]) => name === "Status")?.[1] ?? "200";
      for (const [name = "", text = ""] of fields)
        if (name !== "Status") response.setHeader(name, text);
      response.writeHead(Number(status.slice(0, 3)));
      response.write(Buffer.from(head.slice(end + 4), "latin1"));
    });
    backend.stdout.on("end", () => response.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.#directory, { recursive: true });
  }
}
