import { Command, CommanderError } from "commander";
import { addMcp } from "./commands/mcp-serve.ts";
import { helpTexts } from "./help-texts.ts";

// `pyro mcp serve` alone, without the rest of the command line and the engine behind it.
const { stderr } = process;
const program = new Command("pyro")
  .enablePositionalOptions()
  .exitOverride()
  .configureHelp(helpTexts);
addMcp(program, { io: { stderr } });
try {
  await program.parseAsync(process.argv.slice(2), { from: "user" });
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
