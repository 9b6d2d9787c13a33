// Calls of the SDK in a process of its own, many at a time: a line of JSON each, and one for each answer. Ends with its
// standard input.
import { createInterface } from "node:readline";
import { asPyroError, Pyro } from "../../src/index.ts";

using pyro = new Pyro();
const methods = pyro as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;

async function answer(line: string): Promise<void> {
  const { id, method, given } = JSON.parse(line) as {
    id: number;
    method: string;
    given: unknown[];
  };
  try {
    console.log(JSON.stringify({ id, result: await methods[method]?.(...given) }));
  } catch (error) {
    const { code, message, hint } = asPyroError(error);
    console.log(JSON.stringify({ id, error: { code, message, hint } }));
  }
}

for await (const line of createInterface(process.stdin)) void answer(line);
