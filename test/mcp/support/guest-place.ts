import { mkdirSync, writeFileSync } from "node:fs";
import type { Pyro } from "../../../src/index.ts";
import { baseEnvironment } from "../../support/home.ts";
import { TestWorkspaces } from "../../support/workspaces.ts";
import { type ConnectOptions, type Json, McpConnection } from "./mcp-connection.ts";

export const environment = baseEnvironment;

/** Workspaces of one test file behind a server, with a project that the server is started in. */
export class GuestPlace implements AsyncDisposable {
  readonly workspaces: TestWorkspaces;
  readonly project: string;

  private constructor(workspaces: TestWorkspaces) {
    this.workspaces = workspaces;
    this.project = workspaces.path("project");
    mkdirSync(`${this.project}/.git`, { recursive: true });
    writeFileSync(`${this.project}/.git/HEAD`, "ref: refs/heads/main\n");
    writeFileSync(`${this.project}/.gitignore`, "node_modules\n");
    writeFileSync(`${this.project}/hello.txt`, "one\ntwo\nthree\n");
    mkdirSync(`${this.project}/node_modules`);
    writeFileSync(`${this.project}/node_modules/dependency`, "x");
  }

  static async open(): Promise<GuestPlace> {
    return new GuestPlace(await TestWorkspaces.open());
  }

  get pyro(): Pyro {
    return this.workspaces.pyro;
  }

  connect(args: readonly string[] = [], options: ConnectOptions = {}): Promise<McpConnection> {
    return McpConnection.open(this.workspaces.home, ["--profile", "workspace-full", ...args], {
      cwd: this.project,
      ...options,
    });
  }

  /** A workspace, made without a server. */
  async create(): Promise<string> {
    return (await this.workspaces.create()).workspaceId;
  }

  /** How many processes of the guest have `word` in their command line. */
  async countProcesses(id: string, word: string): Promise<number> {
    const [first = "", ...rest] = word;
    const pattern = `[${first}]${rest.join("")}`;
    const line = `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o '${pattern}' | wc -l`;
    return Number(await this.workspaces.sh(id, line));
  }

  assertNothingLeft(): Promise<void> {
    return this.workspaces.assertNothingLeft();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.workspaces[Symbol.asyncDispose]();
  }
}

export type { Json };
