// Writes the reference pages that are made from the code; with --check, only says whether they are fresh.
import { readFileSync, writeFileSync } from "node:fs";
import { environmentVariables, errorCodes, limits } from "../src/index.ts";
import { toolsPage } from "./tools-page.ts";

type LimitName = keyof typeof limits;

const meaningOfLimits: Record<LimitName, string> = {
  vcpuCountMax: "Virtual CPUs of a machine.",
  memMibMin: "Memory of a machine in MiB, at least.",
  memMibMax: "Memory of a machine in MiB, at most.",
  timeoutSecondsMax: "How long a command may take: a day.",
  ttlSecondsMax: "How long a machine may live when it has a time to live: 30 days.",
  commandBytesMax: "A command with its arguments.",
  commandEntriesMax: "Arguments of a command.",
  capturedOutputBytesMax: "Of each output stream, in a `--json` or SDK result.",
  capturedTailBytesMax: "Of those, kept for the end of a longer stream.",
  journalHeadBytesMax: "Of the beginning of each output stream, in a workspace's journal.",
  journalTailBytesMax: "Of the end of each, beside it.",
  lateOutputBytesMax:
    "Of what processes write that outlive their command; the newest is kept, at least half of this.",
  journalCommandsMax:
    "Commands that a workspace remembers since its last reset; the oldest go first.",
  journalEventsMax: "Other events, likewise.",
  logsPageBytesMax: "About, of one page of a workspace's log.",
  fileReadBytesMax: "Of one file read into a result.",
  fileWriteBytesMax: "Of one file written in a call; push a directory or archive for more.",
  egressConnectionsMax: "Connections of a workspace to the outside at a time.",
  ownRegistriesMax:
    "Hosts that this machine's package managers name as their index and that are followed.",
  networkLogMax: "Connections that a workspace remembers; the oldest go first.",
  networkRulesMax: "Rules of a workspace about what it may reach.",
  projectFileBytesMax: "Of a `.pyro.toml` that tightens these rules.",
  networkRuleSecondsMax: "How long a rule that ends by itself holds: a day.",
  servicesMax: "Services of a workspace that run, and that are remembered.",
  forwardedConnectionsMax: "Connections through a workspace's published ports at a time.",
  serviceLogsBytesMax: "Of what a service wrote, kept and read into a result.",
  readyTimeoutSecondsMax: "How long a service may take to be ready: a week.",
  readyIntervalMsMin: "Between two looks at a service's readiness, at least.",
  readyIntervalMsMax: "Between two looks, at most: an hour.",
  stopGraceSecondsMax: "How long a service may take to end before it is killed: an hour.",
  shellColsMin: "Columns of a shell's terminal, at least.",
  shellColsMax: "Columns of a shell's terminal, at most.",
  shellRowsMax: "Rows of a shell's terminal.",
  shellReadCharsMax: "Of one piece of a shell's output.",
  shellInputBytesMax: "Typed into a shell at once.",
  standbyCountMax: "Machines that wait for a command.",
  standbyIdleMinutesMax: "How long one may wait, in minutes: a day.",
  labelCountMax: "Labels of a workspace.",
  labelBytesMax: "The value of a label.",
  secretCountMax: "Secrets of a workspace.",
  secretBytesMax: "The value of a secret.",
  secretBytesMin: "The value of a secret, at least, line breaks not counted.",
  secretsBytesMax: "The values of all secrets of a workspace.",
};
const limitNames = Object.keys(meaningOfLimits) as LimitName[];

const pages: Record<string, string> = {
  "docs/errors.md": page(
    "Error codes",
    "Every failure carries one of these codes: `PyroError.code` in the SDK, `error.code` in JSON output.",
    ["code", "meaning"],
    Object.entries(errorCodes).map(([code, meaning]) => [`\`${code}\``, meaning]),
  ),
  "docs/environment-variables.md": page(
    "Environment variables",
    "All that pyro reads.",
    ["variable", "what it does", "when it is not set"],
    environmentVariables.map(({ name, meaning, fallback }) => [`\`${name}\``, meaning, fallback]),
  ),
  "docs/limits.md": page(
    "Limits",
    "What a caller may ask for, and what a result keeps. Beyond a limit of the first kind a call is refused with `invalid_argument`; beyond one of the second, the result says what is missing.",
    ["limit", "value", "meaning"],
    limitNames.map((name) => [
      `\`${name}\``,
      limits[name].toLocaleString("en"),
      meaningOfLimits[name],
    ]),
  ),
  "docs/tools.md": toolsPage(),
};

const stale = Object.entries(pages).filter(([path, content]) => read(path) !== content);
if (process.argv.includes("--check")) {
  for (const [path] of stale)
    process.stderr.write(`error: ${path} is not fresh\nhint: make docs\n`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const [path, content] of stale) writeFileSync(path, content);
}

function page(
  title: string,
  intro: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    "<!-- Made by `make docs`; edit the code instead. -->",
    `# ${title}`,
    "",
    intro,
    "",
    line(columns),
    line(columns.map(() => "---")),
    ...rows.map(line),
    "",
  ].join("\n");
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
