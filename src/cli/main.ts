import { processIO } from "./io.ts";
import { runCommandLine } from "./program.ts";

const [, , first, told = ""] = process.argv;
if (first === "__wait") {
  const { waitForCommandLine } = await import("../preloaded.ts");
  await waitForCommandLine(told, runCommandLine);
}
// A reader that went away ends the work, not the process with a stack trace.
process.stdout.on("error", () => process.exit(141));
process.exitCode = await runCommandLine(process.argv.slice(2), processIO());
// Input that nobody reads any more must not keep the process.
process.stdin.destroy();
