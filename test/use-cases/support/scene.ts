import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { cpSync, renameSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { isAsShown, type ShownCommand } from "../../docs/support/page-blocks.ts";
import { bulkOf, type Json, McpConnection, textOf } from "../../mcp/support/mcp-connection.ts";
import { repository } from "../../support/home.ts";
import { hostDigest, TestWorkspaces } from "../../support/workspaces.ts";
import { mismatch, type Page, type PageCall, readPage } from "./page.ts";

const fixtures = join(repository, "test", "use-cases", "fixtures");

/** What a call came to. */
export interface Answer {
  readonly text: string;
  /** The record, or the facts of a text. */
  readonly facts: Json;
}

/** A recipe that is followed to the letter: the calls of its page, one after the other, by a real client. */
export class Scene implements AsyncDisposable {
  readonly page: Page;
  readonly workspaces: TestWorkspaces;
  readonly #connection: McpConnection;
  #done = 0;

  private constructor(page: Page, workspaces: TestWorkspaces, connection: McpConnection) {
    this.page = page;
    this.workspaces = workspaces;
    this.#connection = connection;
  }

  /** Serves the page's profile in a directory that `prepare` fills, with further arguments if it answers some. */
  static async open(
    name: string,
    prepare: (directory: string) => { cwd: string; args?: readonly string[] },
  ): Promise<Scene> {
    const page = readPage(name);
    const workspaces = await TestWorkspaces.open();
    try {
      await workspaces.home.pull("debian:12");
      const { cwd, args = [] } = prepare(workspaces.home.directory);
      const serve = ["--profile", page.profile, ...args];
      const connection = await McpConnection.open(workspaces.home, serve, { cwd });
      return new Scene(page, workspaces, connection);
    } catch (error) {
      await workspaces[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes the page's next call, which must be of `tool` and answer as the page shows, and does what the page then does on the host. */
  async next(tool: string): Promise<Answer> {
    return await this.#make(this.#take(tool));
  }

  /** Makes the next calls at once, as a client with several agents does. */
  async together(tool: string, count: number): Promise<readonly Answer[]> {
    const calls = Array.from({ length: count }, () => this.#take(tool));
    return await Promise.all(calls.map((call) => this.#make(call)));
  }

  /** A call that the page does not show, to look behind it. */
  async look(tool: string, input: Json): Promise<Answer> {
    return await this.#make({ tool, input, answer: undefined, onHost: [], line: 0 });
  }

  /** Prints what a person reviews: what ran, what was done, what is different now. */
  async printSummary({ facts }: Answer): Promise<void> {
    const { name, commands, events, diff, runs_when_opened: risky } = facts as unknown as Summary;
    const lines = [
      `--- ${this.page.name}: ${name}`,
      ...commands.map(
        ({ sequence, command, exit_code }) =>
          `  ${sequence}  exit ${exit_code}  ${command.join(" ").replaceAll("\n", " ").slice(0, 90)}`,
      ),
      ...events.map(({ text }) => `  ${text}`),
      ...(diff?.changes ?? []).map(
        ({ kind, path, insertions, deletions }) => `  ${kind} ${path} +${insertions} -${deletions}`,
      ),
      ...risky.map(({ path, why }) => `  runs when opened: ${path} (${why})`),
    ];
    process.stderr.write(`${lines.join("\n")}\n`);
  }

  /** The page has no call left, and nothing is left of what its calls made. */
  async end(): Promise<void> {
    const { name, calls } = this.page;
    assert.equal(this.#done, calls.length, `${name} shows calls that were not made`);
    const { workspaces } = await this.workspaces.pyro.listWorkspaces();
    assert.deepEqual(workspaces, [], "the recipe leaves workspaces behind");
    await this.#connection[Symbol.asyncDispose]();
    await this.workspaces.assertNothingLeft();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
    await this.workspaces[Symbol.asyncDispose]();
  }

  #take(tool: string): PageCall {
    const call = this.page.calls[this.#done++];
    assert.equal(call?.tool, tool, `call ${this.#done} of ${this.page.name}`);
    return call;
  }

  async #make({ tool, input, answer, onHost, line }: PageCall): Promise<Answer> {
    const where = `docs/use-cases/${this.page.name}.md:${line} ${tool}`;
    const result = await this.#connection.call(tool, input);
    const text = textOf(result);
    // A failure reads `code: what. Next: …`, in the page as well.
    const isFailureShown = /^[a-z_]+: /.test(answer ?? "");
    assert.equal(result.isError === true, isFailureShown, `${where}: ${text}`);
    const record = result.structuredContent as Json | undefined;
    if (answer !== undefined) {
      const why = mismatch(answer, { text, record });
      assert.ok(why === undefined, `${where}: ${why}`);
    }
    const facts = record ?? bulkOf(result).facts;
    for (const command of onHost) await this.#type(command, facts);
    return { text, facts };
  }

  /** `http://127.0.0.1:…` of a page is what the call before has published. */
  async #type({ text, output = "", line }: ShownCommand, facts: Json): Promise<void> {
    const typed = text.replaceAll("http://127.0.0.1:…", urlOf(facts));
    const { stdout, stderr } = await promisify(execFile)("sh", ["-c", typed]);
    const isRight = isAsShown(output, stdout + stderr);
    assert.ok(
      isRight,
      `docs/use-cases/${this.page.name}.md, block ${line}: ${typed}\n${stdout}${stderr}`,
    );
  }
}

interface Summary {
  readonly name: string;
  readonly commands: readonly {
    readonly sequence: number;
    readonly command: readonly string[];
    readonly exit_code: number | null;
  }[];
  readonly events: readonly { readonly text: string }[];
  readonly diff: {
    readonly changes: readonly {
      readonly kind: string;
      readonly path: string;
      readonly insertions: number;
      readonly deletions: number;
    }[];
  } | null;
  readonly runs_when_opened: readonly { readonly path: string; readonly why: string }[];
}

/** Where the host reaches what a call has published. */
export function urlOf({ published_ports: ports }: Json): string {
  const [port] = (ports ?? []) as readonly { readonly url: string }[];
  assert.ok(port !== undefined, "nothing is published");
  return port.url;
}

/** A checkout of a fixture, with one commit. */
export function checkOut(fixture: string, parent: string): string {
  const directory = join(parent, fixture);
  cpSync(join(fixtures, fixture), directory, { recursive: true });
  // Under its own name it would hide files of this repository.
  renameSync(join(directory, "gitignore"), join(directory, ".gitignore"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", directory, "-c", "user.name=a", "-c", "user.email=a@b", ...args]);
  git("init", "--quiet", "--initial-branch=main");
  git("add", "--all");
  git("commit", "--quiet", "--message", "First");
  return directory;
}

/** A fixture as an archive somebody sent. */
export function pack(fixture: string, archive: string): void {
  execFileSync("tar", ["-czf", archive, "-C", join(fixtures, fixture), "."]);
}

export { hostDigest };
