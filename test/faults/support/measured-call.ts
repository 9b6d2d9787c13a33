import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Pyro, PyroError } from "../../../src/index.ts";

/** What a call of the SDK came to, and what it cost this process. */
export interface MeasuredCall {
  readonly code: string | null;
  readonly message: string;
  /** How far this process's memory went beyond what it had before. */
  readonly growthBytes: number;
  readonly elapsedMs: number;
}

type Call = (pyro: Pyro) => Promise<unknown>;

const [method = "", given = "[]", milliseconds = "0"] = process.argv.slice(2);
const pyro = new Pyro();
const call: Call = () => {
  const options = JSON.parse(given) as unknown[];
  // The last argument takes the signal, as in every method that is measured.
  const last = { ...(options.pop() as object), signal: AbortSignal.timeout(Number(milliseconds)) };
  const run = pyro[method as keyof Pyro] as (...given: unknown[]) => Promise<unknown>;
  return run.call(pyro, ...options, last);
};

// Once, so that what it takes to load the code is not measured.
await call(pyro).catch(() => undefined);
process.stdout.write("ready\n");
await once(process.stdin, "data");
writeFileSync("/proc/self/clear_refs", "5");
const before = memory("VmRSS");
const started = performance.now();
const failure = await call(pyro).then(
  () => null,
  (error: unknown) => error,
);
const measured: MeasuredCall = {
  code: failure instanceof PyroError ? failure.code : failure === null ? null : "internal",
  message: failure === null ? "" : String(failure),
  growthBytes: memory("VmHWM") - before,
  elapsedMs: performance.now() - started,
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
process.exit();

function memory(field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1]) * 1024;
}
