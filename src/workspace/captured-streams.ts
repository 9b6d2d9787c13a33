import type { OutputSink } from "../channel/exec.ts";
import type { RunResult } from "../model/results.ts";
import { CapturedOutput } from "./captured-output.ts";

export interface OutputSinks {
  /** Output as it comes; the result then keeps none. */
  readonly onStdout?: OutputSink | undefined;
  readonly onStderr?: OutputSink | undefined;
}

export type CapturedFields = Pick<
  RunResult,
  "stdout" | "stderr" | "stdoutBase64" | "stderrBase64" | "stdoutTruncated" | "stderrTruncated"
>;

/** Both output streams of a command, each kept for its result unless its caller takes it. */
export class CapturedStreams {
  readonly onStdout: OutputSink;
  readonly onStderr: OutputSink;
  readonly #stdout = new CapturedOutput();
  readonly #stderr = new CapturedOutput();

  constructor({ onStdout, onStderr }: OutputSinks) {
    this.onStdout = onStdout ?? ((chunk) => this.#stdout.push(chunk));
    this.onStderr = onStderr ?? ((chunk) => this.#stderr.push(chunk));
  }

  /** What the result says about them. */
  finish(): CapturedFields {
    const [stdout, stderr] = [this.#stdout.finish(), this.#stderr.finish()];
    return {
      stdout: stdout.text,
      stderr: stderr.text,
      stdoutBase64: stdout.base64,
      stderrBase64: stderr.base64,
      stdoutTruncated: stdout.truncated,
      stderrTruncated: stderr.truncated,
    };
  }
}
