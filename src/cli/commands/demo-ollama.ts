import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import type { OllamaOptions } from "../ollama/demo-ollama.ts";

export function addDemoOllama(demo: Command, context: CommandContext): void {
  demo
    .command("ollama")
    .summary("let a local Ollama model call the vm_run tool")
    .description("Asks a model what only a command in a VM can answer, and shows the conversation.")
    .option("--model <name>", "which model (default: the first that can call tools)")
    .option("--host <url>", "where Ollama listens", "http://127.0.0.1:11434")
    .option("--allow-remote", "talk to an Ollama on another machine", false)
    .addHelpText("after", "\nExamples:\n  pyro demo ollama\n  pyro demo ollama --model qwen3:4b")
    .action(async (options: OllamaOptions) => {
      // It brings the schemas of the tools along, which no other command waits for.
      const { demoOllama } = await import("../ollama/demo-ollama.ts");
      await demoOllama(context, options);
    });
}
