import assert from "node:assert/strict";
import type { Pyro } from "../../../src/index.ts";

type Answer = (...args: unknown[]) => unknown;

export interface FakePyro {
  readonly pyro: Pyro;
  /** Every call in its order: the method, then its arguments. */
  readonly calls: readonly (readonly unknown[])[];
}

/** An SDK that answers with what it is given and remembers what it was asked; a function is called. */
export function fakePyro(answers: Readonly<Record<string, unknown>>): FakePyro {
  const calls: unknown[][] = [];
  const pyro = new Proxy({} as Pyro, {
    get: (_, method) => {
      if (method === Symbol.dispose) return () => undefined;
      assert.ok(typeof method === "string" && method in answers, `unexpected ${String(method)}`);
      return async (...args: unknown[]) => {
        calls.push([method, ...args.map(plain)]);
        const answer = answers[method];
        return typeof answer === "function" ? (answer as Answer)(...args) : answer;
      };
    },
  });
  return { pyro, calls };
}

/** Options without what is undefined, and without streams, signals and listeners. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const kept = Object.entries(value).filter(
    ([name, field]) =>
      field !== undefined && typeof field !== "function" && !["signal", "stdin"].includes(name),
  );
  return Object.fromEntries(kept);
}
