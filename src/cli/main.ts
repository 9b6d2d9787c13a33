import { processIO } from "./io.ts";
import { runCommandLine } from "./program.ts";

// A reader that went away ends the work, not the process with a stack trace.
process.stdout.on("error", () => process.exit(141));
process.exitCode = await runCommandLine(process.argv.slice(2), processIO());
// Input that nobody reads any more must not keep the process.
process.stdin.destroy();
