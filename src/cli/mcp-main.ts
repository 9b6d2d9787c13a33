import { Command, CommanderError } from "commander";
import { SpareMemory } from "../platform/spare-memory.ts";
import { addMcp } from "./commands/mcp-serve.ts";
import { helpTexts } from "./help-texts.ts";

/** How often memory is looked for that is needed no more. */
const lookMs = 5_000;

// `pyro mcp serve` alone, without the rest of the command line and the engine behind it.
const { stderr } = process;
const program = new Command("pyro")
  .enablePositionalOptions()
  .exitOverride()
  .configureHelp(helpTexts);
addMcp(program, { io: { stderr } });
const spareMemory = new SpareMemory();
setInterval(() => spareMemory.look(), lookMs).unref();
try {
  await program.parseAsync(process.argv.slice(2), { from: "user" });
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
