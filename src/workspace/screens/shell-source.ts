import type { AgentClient } from "../../channel/agent-client.ts";
import type { GuestShell, OutputRequest } from "../../channel/shell-client.ts";
import type { ShellEvent } from "../../channel/shell-output.ts";

/** One shell, as far as reading it goes. */
export interface ShellSource {
  status(): Promise<GuestShell>;
  output(request: OutputRequest): AsyncGenerator<ShellEvent>;
  /** Whether anything came after `position`, or the shell ended, within that time. */
  changed(position: number, withinMs: number): Promise<boolean>;
}

/** A shell of a guest; `signal` ends the waiting. */
export function shellSource(
  client: () => AgentClient,
  shellId: string,
  signal: AbortSignal,
): ShellSource {
  return {
    status: () => client().shell.status(shellId),
    output: (request) => client().shell.output(shellId, { ...request, signal }),
    changed: async (position, withinMs) => {
      using limit = new Deadline(signal, withinMs);
      const events = client().shell.output(shellId, {
        from: position,
        max: 1,
        follow: true,
        signal: limit.signal,
      });
      for await (const { kind } of events) if (kind !== "position" && kind !== "size") return true;
      return false;
    },
  };
}

/** A signal that ends with another, or after a while; signals made of others would be kept as long as those. */
class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  constructor(outer: AbortSignal, withinMs: number) {
    this.#outer = outer;
    this.#timer = setTimeout(this.#abort, withinMs);
    if (outer.aborted) this.#abort();
    outer.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = (): void => this.#controller.abort();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#abort);
  }
}
