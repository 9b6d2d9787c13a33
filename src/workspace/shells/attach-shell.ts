import { PassThrough, type Readable } from "node:stream";
import type { AgentClient } from "../../channel/agent-client.ts";
import { asPyroError } from "../../model/errors.ts";
import type { Shell } from "../../model/shell-results.ts";
import { openWorkspace } from "../life/connect-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { describeShell } from "./describe-shell.ts";
import { withShell } from "./find-shell.ts";
import type { AttachShellOptions } from "./shell-options.ts";
import type { ShellPlace } from "./shells.ts";

/**
 * Passes on what a shell writes, and types what comes, until the shell ends or the caller detaches. A supervisor that is
 * lost is replaced meanwhile; what the shell wrote is not lost with it.
 */
export async function attachShell(
  context: WorkspaceContext,
  { id, shellId: given }: ShellPlace,
  options: AttachShellOptions,
): Promise<Shell> {
  const first = await openWorkspace(context, id, "use shells");
  const { workspaceId } = first.row;
  return await withShell(first.client.shell, given, async (shellId) => {
    const from = options.cursor ?? (await first.client.shell.status(shellId)).firstPosition;
    const attachment = new Attachment(shellId, from, options);
    for (let client = first.client; ; ) {
      if (await attachment.follow(client)) {
        const shell = await client.shell.status(shellId);
        return { workspaceId, ...describeShell(shell) };
      }
      options.onConnection?.(false);
      ({ client } = await openWorkspace(context, workspaceId, "use shells"));
      options.onConnection?.(true);
    }
  });
}

class Attachment {
  readonly #shellId: string;
  readonly #options: AttachShellOptions;
  readonly #typed: Typed | undefined;
  #position: number;

  constructor(shellId: string, from: number, options: AttachShellOptions) {
    this.#shellId = shellId;
    this.#position = from;
    this.#options = options;
    this.#typed = options.input === undefined ? undefined : new Typed(options.input);
  }

  /** Whether it is over, rather than the connection lost. */
  async follow({ shell }: AgentClient): Promise<boolean> {
    const { onOutput, signal } = this.#options;
    const typing = this.#typed?.into((keys) => shell.input(this.#shellId, keys));
    try {
      const request = { from: this.#position, follow: true, attach: true, signal };
      for await (const event of shell.output(this.#shellId, request)) {
        if (event.kind === "position") this.#position = event.position;
        if (event.kind !== "bytes") continue;
        await onOutput(event.bytes);
        this.#position += event.bytes.length;
      }
      return true;
    } catch (error) {
      if (signal?.aborted) return true;
      if (asPyroError(error).code === "guest_lost") return false;
      throw error;
    } finally {
      typing?.();
    }
  }
}

/** What is typed goes to whoever takes it at the moment. */
class Typed {
  readonly #input: Readable;

  constructor(input: Readable) {
    this.#input = input;
  }

  /** Types into a request until the answer is called; what comes while there is none waits in the input. */
  into(send: (keys: Readable) => Promise<unknown>): () => void {
    const keys = new PassThrough();
    this.#input.pipe(keys);
    // A shell that ended, and a connection that is lost, show in the output.
    send(keys).catch(() => undefined);
    return () => {
      this.#input.unpipe(keys);
      keys.destroy();
    };
  }
}
