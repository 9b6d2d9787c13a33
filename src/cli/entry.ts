// Imports nothing that an older Node could not load, so that it can say what is wrong.

import { version } from "../version.ts";
import { hideExperimentalWarnings } from "./warnings.ts";

const oldestMajor = 24;
const [major = 0] = process.versions.node.split(".").map(Number);

if (major < oldestMajor) {
  process.stderr.write(
    `error: pyro needs Node ${oldestMajor} or newer, but ${process.execPath} is ${process.version}.\nhint: Install a newer Node, or put it first on the PATH.\n`,
  );
  process.exitCode = 1;
} else if (process.argv.length === 3 && process.argv[2] === "--version") {
  // Loading everything else costs more than answering this.
  process.stdout.write(`${version}\n`);
} else {
  hideExperimentalWarnings();
  const { keepCompiledCode } = await import("../platform/compile-cache.ts");
  keepCompiledCode();
  const [, , first, second] = process.argv;
  // Each is loaded by name, so that none waits for another's code.
  if (first === "__complete") await import("./complete-main.ts");
  else if (first === "mcp" && second === "serve") await import("./mcp-main.ts");
  else await import("./main.ts");
}
