import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it, test } from "node:test";
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/program.ts";
import { Pyro } from "../../src/index.ts";
import { openTerminal } from "../cli/support/terminal.ts";
import { repository } from "../support/home.ts";
import { isAsShown, pageNames, readText, stepsOf } from "./support/page-blocks.ts";

const { io } = openTerminal();
const program = buildProgram({ io, openPyro: () => new Pyro(), exit: () => undefined });

/** What readers look for, in the order in which they look. */
const readmeOrder = [
  "Requirements",
  "Quick start",
  "Install in your coding agent",
  "First prompt",
  "Tools",
  "Configuration",
  "Security model",
  "Troubleshooting",
  "Development",
];

test("the README is in the order in which people read, and leads to every page", () => {
  const readme = readText("README.md");
  const titles = [...readme.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
  assert.deepEqual(titles, readmeOrder);
  for (const page of pageNames().slice(1)) assert.ok(readme.includes(`(${page}`), page);
});

for (const page of pageNames()) {
  describe(page, () => {
    const text = readText(page);

    it("every link leads to a file, and to a heading of it", () => {
      for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = "", heading] = target.split("#");
        const file = path === "" ? page : join(dirname(page), path);
        assert.ok(existsSync(join(repository, file)), `${page}: ${target}`);
        if (heading !== undefined)
          assert.ok(headingsOf(readText(file)).includes(heading), `${page}: ${target}`);
      }
    });

    it("every command named in a sentence is one of pyro's", () => {
      for (const [, code = ""] of text.matchAll(/(?<!`)`(pyro(?: [^`\n]+)?)`(?!`)/g))
        assert.equal(troubleOf(code), undefined, `${page}: ${code}`);
    });
  });
}

test("blocks of commands are read as a person reads them", () => {
  const page = "a\n```console\n$ one  # why\n$ two <<'X'\n> x\n> X\nout\n\n$ three\n```\n";
  assert.deepEqual(
    stepsOf(page).map((step) => [step.text, step.line, "output" in step && step.output]),
    [
      ["one", 3, undefined],
      ["two <<'X'\nx\nX", 4, "out"],
      ["three", 9, undefined],
    ],
  );
  for (const language of ["sh", "bash", "shell"])
    assert.equal(stepsOf(`\`\`\`${language}\n$ one\n\`\`\`\n`).length, 1);
  assert.throws(() => stepsOf("```\n$ one\n```\n"), /marked console/);
  assert.throws(() => stepsOf("```sh\none\n```\n"), /begins with/);
});

test("output that is not as shown is told apart", () => {
  assert.ok(isAsShown("a\nb", "a\nb\n"));
  assert.ok(isAsShown("a\n…\nd", "a\nb\nc\nd\n"));
  assert.ok(isAsShown("took … of it", "took 3 of it"));
  assert.ok(isAsShown("ws-0a1b2c, 7 MiB, 1.2 s", "ws-ffffff, 12 KiB, 900 ms"));
  for (const [shown, got] of [
    ["a\nb", "a"],
    ["a", "a\nb"],
    ["a", "b"],
    ["a\n…\nd", "a\nb"],
    ["exit 0", "exit 1"],
    ["a.c", "abc"],
  ] as const)
    assert.equal(isAsShown(shown, got), false, `${shown} | ${got}`);
});

/** Anchors as the usual renderers make them. */
function headingsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .trim()
      .replace(/\s/g, "-"),
  );
}

/** What is wrong with a command line; arguments are not looked at. */
function troubleOf(code: string): string | undefined {
  const [, ...words] = (code.split(" -- ")[0] ?? "").split(" ");
  let command: Command = program;
  for (const word of words) {
    if (word.startsWith("-")) {
      const known = ["--help", ...command.options.map(({ long }) => long)];
      if (!known.includes(word.split("=")[0] ?? "")) return `no option ${word}`;
      continue;
    }
    const child = command.commands.find((one) => [one.name(), ...one.aliases()].includes(word));
    if (child !== undefined) command = child;
    else if (command.commands.length > 0 && !/[…|]/.test(word)) return `no command ${word}`;
  }
  return undefined;
}
