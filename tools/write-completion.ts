// Writes what the command line completes, from the commands themselves.
import { writeFileSync } from "node:fs";
import { grammarOf } from "../src/cli/completion/grammar.ts";
import { processIO } from "../src/cli/io.ts";
import { buildProgram } from "../src/cli/program.ts";
import { Pyro } from "../src/index.ts";

const program = buildProgram({
  io: processIO(),
  openPyro: () => new Pyro(),
  exit: () => undefined,
});
const path = new URL("../dist/completion.json", import.meta.url);
writeFileSync(path, `${JSON.stringify(grammarOf(program))}\n`);
