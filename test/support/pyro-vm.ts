// One call of the SDK in a process of its own: arguments are the method and its arguments as JSON. Prints the
// result, or the failure, as JSON.
import { asPyroError, Pyro } from "../../src/index.ts";

const [method = "", parameters = "[]"] = process.argv.slice(2);
using pyro = new Pyro();
const methods = pyro as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
try {
  const result = await methods[method]?.(...(JSON.parse(parameters) as unknown[]));
  console.log(JSON.stringify({ result }));
} catch (error) {
  const { code, message, hint } = asPyroError(error);
  console.log(JSON.stringify({ error: { code, message, hint } }));
}
