import type { Readable } from "node:stream";
import type { OutputSink } from "../../channel/exec.ts";
import type { ProgramOptions } from "../life/workspace-options.ts";

export interface OpenShellOptions extends ProgramOptions {
  /** Program and arguments. Default: bash, or sh where there is none. */
  readonly command?: readonly string[] | undefined;
  /** 2 to 1000. Default 120. */
  readonly cols?: number | undefined;
  /** 1 to 500. Default 30. */
  readonly rows?: number | undefined;
}

export interface ReadShellOptions {
  /** A place in all that the shell ever wrote: the `nextCursor` of an earlier read. Default 0. */
  readonly cursor?: number | undefined;
  /** At most 262144. Default 65536. Raw output is cut at its end and read on; text is cut at its beginning. */
  readonly maxChars?: number | undefined;
  /** What a person would have read since the cursor, instead of bytes. Default false. */
  readonly plain?: boolean | undefined;
  /** The rows of the screen as they stand now. Default false. */
  readonly screen?: boolean | undefined;
  /** Waits until the shell has been silent that long. Default: does not wait. */
  readonly waitForIdleMs?: number | undefined;
  /** Waits until this text is shown after the cursor, or on the screen. Default: does not wait. */
  readonly waitFor?: string | undefined;
  /** How long is waited; what there is by then is answered. Default 30. */
  readonly timeoutSeconds?: number | undefined;
  /** Aborting ends the waiting with `cancelled`; nothing of the output is lost. */
  readonly signal?: AbortSignal | undefined;
}

export interface WriteShellOptions {
  /** Typed as it is. Default: nothing. */
  readonly input?: string | Uint8Array | undefined;
  /** Pressed after the input: `enter`, `tab`, `esc`, `up`, `f1`, `ctrl-c`, `alt-x`, … */
  readonly keys?: readonly string[] | undefined;
  /** Whether Enter follows. Default: true, unless there are keys. */
  readonly appendNewline?: boolean | undefined;
}

export interface ResizeShellOptions {
  readonly cols: number;
  readonly rows: number;
}

export interface SignalShellOptions {
  /** Without SIG. Default INT. */
  readonly signalName?: string | undefined;
}

export interface AttachShellOptions {
  /** Where to begin. Default: with what is shown now. */
  readonly cursor?: number | undefined;
  /** What is typed, as it comes. Default: nothing. */
  readonly input?: Readable | undefined;
  /** What the shell writes, byte for byte; a promise holds it back. */
  readonly onOutput: OutputSink;
  /** Told when the connection was lost, and when it is there again. */
  readonly onConnection?: ((isThere: boolean) => void) | undefined;
  /** Aborting detaches; the shell goes on. */
  readonly signal?: AbortSignal | undefined;
}
