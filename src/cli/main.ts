import { version } from "../index.ts";

const args = process.argv.slice(2);

// Loading the command line costs more than answering this.
if (args.length === 1 && args[0] === "--version") {
  process.stdout.write(`${version}\n`);
} else {
  await main();
}

async function main(): Promise<void> {
  const { processIO } = await import("./io.ts");
  const { runCommandLine } = await import("./program.ts");
  const io = processIO();
  // A reader that went away ends the work, not the process with a stack trace.
  process.stdout.on("error", () => process.exit(141));
  const code = await runCommandLine(args, io);
  process.exitCode = code;
  // Input that nobody reads any more must not keep the process.
  process.stdin.destroy();
}
