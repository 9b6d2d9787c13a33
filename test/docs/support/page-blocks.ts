import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../../support/home.ts";

/** One thing of a page that a reader does, in the page's order. */
export type Step = ShownCommand | ShownProgram;

/** A line after `$ `, with the lines after `> ` that belong to it. */
export interface ShownCommand {
  readonly kind: "command";
  /** Without a comment at its end. */
  readonly text: string;
  /** What the page says it prints; undefined when it shows nothing. */
  readonly output: string | undefined;
  /** Of its first line in the page, counted from 1. */
  readonly line: number;
}

/** A TypeScript program. */
export interface ShownProgram {
  readonly kind: "program";
  readonly text: string;
  readonly line: number;
}

const shells = ["console", "sh", "bash", "shell", "zsh"];

/** The pages whose commands are executed: the README and everything in docs/ itself. */
export function pageNames(): readonly string[] {
  const docs = readdirSync(join(repository, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...docs.sort().map((name) => `docs/${name}`)];
}

export function readText(page: string): string {
  return readFileSync(join(repository, page), "utf8");
}

/** What a reader of `text` does, in order. Throws for a block that no reader could follow. */
export function stepsOf(text: string, page = "the page"): readonly Step[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap((block): readonly Step[] => {
    const [, language = "", body = ""] = block;
    const line = text.slice(0, block.index).split("\n").length + 1;
    if (language === "ts") return [{ kind: "program", text: body, line }];
    const isShell = shells.includes(language);
    if (isShell !== /^\$ /m.test(body) || (isShell && !body.startsWith("$ ")))
      throw new TypeError(
        `${page}:${line}: a block of commands is marked console and begins with "$ "`,
      );
    return isShell ? commandsOf(body, line) : [];
  });
}

function commandsOf(body: string, firstLine: number): readonly ShownCommand[] {
  const commands: ShownCommand[] = [];
  let words: string[] = [];
  let output: string[] = [];
  let line = firstLine;
  const end = () => {
    if (words.length === 0) return;
    const shown = output.join("\n").trimEnd();
    commands.push({
      kind: "command",
      text: words.join("\n").replace(/ {2,}# .*$/, ""),
      output: shown === "" ? undefined : shown,
      line,
    });
  };
  for (const [index, text] of body.split("\n").entries())
    if (text.startsWith("$ ")) {
      end();
      [words, output, line] = [[text.slice(2)], [], firstLine + index];
    } else if (output.length === 0 && /^>( |$)/.test(text)) words.push(text.slice(2));
    else output.push(text);
  end();
  return commands;
}

/** Times, sizes, versions, names that pyro makes up, process numbers, and what this host can: what differs although nothing is different. */
const measured =
  /\bhardware\b|\bemulated\b|(?<=^NSpid:\s+)\d+|\b\d+\.\d+\.\d+\b|\b(?:ws|vm)-[0-9a-f]+\b|\bnow\b|\b\d+(?:[.,]\d+)* ?(?:ms|s|min|h|B|KiB|MiB|GiB)\b(?: ago)?|\b\d{4}-\d\d-\d\d\b/gm;

/** Whether `got` is what a page shows. `…` stands for anything in a line; alone, for any number of lines. */
export function isAsShown(shown: string, got: string): boolean {
  const pattern = plain(shown)
    .split("\n")
    .map((line) => (line === "…" ? "(?:.*\n)*?" : `${patternOf(line)}\n`))
    .join("");
  return new RegExp(`^${pattern}$`).test(`${plain(got)}\n`);
}

/** Without what was measured, and with columns as wide as they are anywhere. */
function plain(text: string): string {
  return text
    .replace(measured, "#")
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd().replace(/ {2,}/g, "  "))
    .join("\n");
}

function patternOf(line: string): string {
  const quote = (text: string) => text.replace(/[^\w\s]/g, "\\$&");
  return line.split("…").map(quote).join(".*?");
}
