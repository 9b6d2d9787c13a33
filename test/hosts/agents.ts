import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { InstalledPackages } from "../support/installed-packages.ts";

const run = promisify(execFile);

/** The agents these tests know. */
const packages = new InstalledPackages("pyro-test-hosts", {
  "@anthropic-ai/claude-code": "2.1.329",
  "@openai/codex": "0.169.0",
  "opencode-ai": "1.18.33",
});

/** What must run once because npm runs no install scripts. */
const finishes = { "@anthropic-ai/claude-code": "install.cjs", "opencode-ai": "postinstall.mjs" };

/** Where the agents' programs are, once they are installed. */
export const agentPrograms = packages.programs;

/** Installs what is missing; more than a gigabyte the first time. */
export async function installAgents(): Promise<void> {
  if (!(await packages.install())) return;
  for (const [name, program] of Object.entries(finishes))
    await run(process.execPath, [program], { cwd: packages.directory(name) });
}
