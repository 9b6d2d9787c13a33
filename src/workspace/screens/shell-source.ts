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
      const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(withinMs))]);
      const events = client().shell.output(shellId, {
        from: position,
        max: 1,
        follow: true,
        signal: limit,
      });
      for await (const { kind } of events) if (kind !== "position" && kind !== "size") return true;
      return false;
    },
  };
}
