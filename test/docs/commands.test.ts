import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { repository } from "../support/home.ts";
import { assertNoProcessLeft, filesUnder } from "../support/oracle.ts";
import { leftOut } from "./support/left-out.ts";
import { isAsShown, pageNames, readText, type Step, stepsOf } from "./support/page-blocks.ts";
import { agentFiles, Reader } from "./support/reader.ts";

/** Where a reader stands when a page begins; the home directory unless said. */
const places: Readonly<Record<string, string>> = {
  "README.md": "pyro",
  "docs/install.md": "pyro",
  "docs/integrations.md": "src/project",
  "docs/mcp.md": "src/project",
};

/** The page that takes everything away again comes last. */
const pages = pageNames()
  .map((name) => ({ name, steps: stepsOf(readText(name), name) }))
  .filter(({ steps }) => steps.length > 0)
  .sort((a, b) => Number(a.name.endsWith("install.md")) - Number(b.name.endsWith("install.md")));

describe("somebody who does what the pages say, in a home of their own", () => {
  let reader: Reader;
  before(async () => {
    reader = await Reader.open("debian:12");
    reader.prepare();
  });
  after(() => reader[Symbol.asyncDispose]());

  for (const { name, steps } of pages) {
    const isLast = name === pages.at(-1)?.name;
    it(`${name}: every command works and prints what the page shows`, async () => {
      reader.directory = reader.path(places[name] ?? "");
      for (const step of steps) await follow(name, step);
      if (isLast) return;
      const { text } = await reader.type("pyro workspace list");
      assert.match(text, /^There are no workspaces/, "the page leaves workspaces behind");
    });
    if (name === "README.md")
      it("the programs of all pages compile against the installed package", () => compileAll());
  }

  it("nothing is left after the uninstallation", async () => {
    await assertNoProcessLeft({ sessions: reader.sessions, directories: [reader.home] });
    for (const [name, text] of Object.entries(agentFiles)) {
      assert.equal(readFileSync(reader.path(name), "utf8"), text, name);
      assert.equal(existsSync(`${reader.path(name)}.pyro-backup`), false, name);
    }
    const kept = [".local/bin", ".local/lib/node_modules", ".local/state", ".cache"];
    for (const place of kept) assert.deepEqual(filesUnder(reader.path(place)), [], place);
    // npm keeps its own compiled code there; pyro does not.
    const left = readdirSync(reader.path("tmp")).filter((one) => one !== "node-compile-cache");
    assert.deepEqual(left, []);
  });

  async function follow(page: string, step: Step): Promise<void> {
    const where = `${page}:${step.line}`;
    if (step.kind === "program") return await run(where, programPath(page, step.line));
    if (step.text in leftOut) return;
    const { code, text } = await reader.type(step.text);
    assert.equal(code, 0, `${where}: ${step.text}\n${text}`);
    if (step.output === undefined) return;
    const isRight = isAsShown(step.output, text);
    assert.ok(isRight, `${where}: ${step.text}\nshown:\n${step.output}\ngot:\n${text}`);
  }

  /** In the project, as who writes such a program has one. */
  async function run(where: string, path: string): Promise<void> {
    writeProgram(path);
    reader.directory = reader.path("src", "project");
    const { code, text } = await reader.type(`node --disable-warning=ExperimentalWarning ${path}`);
    assert.equal(code, 0, `${where}: ${text}`);
    if (readFileSync(path, "utf8").includes("console.log")) assert.notEqual(text.trim(), "", where);
  }

  function programPath(page: string, line: number): string {
    return reader.path("programs", `${page.replace(/\W/g, "-")}.${line}.ts`);
  }

  function writeProgram(path: string): void {
    const found = pages
      .flatMap(({ name, steps }) => steps.map((step) => ({ step, name })))
      .find(({ step, name }) => programPath(name, step.line) === path);
    writeFileSync(path, found?.step.text ?? "");
  }

  async function compileAll(): Promise<void> {
    for (const { name, steps } of pages)
      for (const { kind, line } of steps)
        if (kind === "program") writeProgram(programPath(name, line));
    const config = reader.path("programs", "tsconfig.json");
    const types = join(repository, "node_modules", "@types");
    const compilerOptions = { typeRoots: [types], noUnusedLocals: false, allowJs: false };
    const extended = join(repository, "tsconfig.json");
    const include = ["*.ts"];
    writeFileSync(config, JSON.stringify({ extends: extended, compilerOptions, include }));
    const tsc = join(repository, "node_modules", "typescript", "bin", "tsc");
    await promisify(execFile)(process.execPath, [tsc, "--project", config]).catch(
      ({ stdout }: { stdout: string }) => assert.fail(stdout),
    );
  }
});

it("what is left out is still on a page, for a reason, and its targets exist", () => {
  const shown = new Set(
    pages.flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === "command" ? [step.text] : [])),
    ),
  );
  const makefile = readFileSync(join(repository, "Makefile"), "utf8");
  for (const [command, reason] of Object.entries(leftOut)) {
    assert.ok(shown.has(command), `no page shows: ${command}`);
    assert.notEqual(reason, "");
    const target = /^make ([\w-]+)$/.exec(command)?.[1];
    if (target !== undefined) assert.match(makefile, new RegExp(`^${target}:.*##`, "m"));
  }
});
