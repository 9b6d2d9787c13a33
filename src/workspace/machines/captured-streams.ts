import type { OutputSink } from "../../channel/exec.ts";
import { HeadAndTail } from "../../model/head-and-tail.ts";
import type { RunResult } from "../../model/results.ts";
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

/** Enough for a last message. */
const lastWordsBytesMax = 1024;

/** Both output streams of a command, each kept for its result unless its caller takes it. */
export class CapturedStreams {
  readonly onStdout: OutputSink;
  readonly onStderr: OutputSink;
  readonly #stdout = new CapturedOutput();
  readonly #stderr = new CapturedOutput();
  readonly #lastWords = new HeadAndTail(0, lastWordsBytesMax);

  constructor({ onStdout, onStderr }: OutputSinks) {
    this.onStdout = onStdout ?? ((chunk) => this.#stdout.push(chunk));
    const take = onStderr ?? ((chunk: Buffer) => this.#stderr.push(chunk));
    this.onStderr = (chunk) => {
      this.#lastWords.push(chunk);
      return take(chunk);
    };
  }

  /** The end of what came on stderr, whoever took it. */
  lastWords(): string {
    return this.#lastWords.tail().toString("latin1");
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
