import { createInterface } from "node:readline";
import { type Pyro, PyroError } from "../../src/index.ts";
import { repository } from "./home.ts";
import { type PyroProcess, startProcess } from "./process.ts";
import type { Failure } from "./workspaces.ts";

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: Failure;
}

/** The SDK in one other process, where `setup` was run in a shell with mounts of its own. Takes what JSON can say. */
export function remotePyro(env: Record<string, string>, setup: string): Pyro {
  const node = `${process.execPath} --disable-warning=ExperimentalWarning test/support/pyro-calls.ts`;
  const there = startProcess(["unshare", "--mount", "sh", "-c", `${setup} && exec ${node}`], {
    env,
    cwd: repository,
    openInput: true,
    ownStdout: true,
  });
  const calls = new Calls(there);
  return new Proxy({} as Pyro, {
    get: (_pyro, name) => {
      if (name === Symbol.dispose) return () => there.child.stdin.end();
      return (...given: unknown[]) => calls.make(String(name), given);
    },
  });
}

class Calls {
  readonly #there: PyroProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #number = 0;

  constructor(there: PyroProcess) {
    this.#there = there;
    createInterface(there.child.stdout).on("line", (line) => this.#settle(JSON.parse(line)));
    void there.ended.then(({ stderr }) => {
      for (const { reject } of this.#waiting.values()) reject(new TypeError(`it ended: ${stderr}`));
    });
  }

  make(method: string, given: unknown[]): Promise<unknown> {
    const id = ++this.#number;
    const call = Promise.withResolvers<unknown>();
    this.#waiting.set(id, call);
    this.#there.child.stdin.write(`${JSON.stringify({ id, method, given })}\n`);
    return call.promise;
  }

  #settle({ id, result, error }: Reply): void {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) {
      call?.resolve(result);
      return;
    }
    const { code, message, hint } = error;
    call?.reject(
      new PyroError(code as PyroError["code"], message, hint === undefined ? {} : { hint }),
    );
  }
}
