import type { OutputSink } from "../../channel/exec.ts";
import { LiveRedaction } from "../../secrets/live-redaction.ts";
import type { SecretValues } from "../../secrets/redaction.ts";

interface Streams {
  readonly onStdout: OutputSink;
  readonly onStderr: OutputSink;
}

/** Both output streams of a command on their way to others, without what must not be seen. */
export class RedactedStreams implements Streams, Disposable {
  readonly onStdout: OutputSink;
  readonly onStderr: OutputSink;
  readonly #streams: readonly { readonly redaction: LiveRedaction; readonly to: OutputSink }[];

  constructor(to: Streams, values: () => SecretValues) {
    const through = (sink: OutputSink) => ({
      redaction: new LiveRedaction(values, (bytes) => void sink(bytes)),
      to: sink,
    });
    const [stdout, stderr] = [through(to.onStdout), through(to.onStderr)];
    this.onStdout = (chunk) => pass(stdout.redaction.push(chunk), to.onStdout);
    this.onStderr = (chunk) => pass(stderr.redaction.push(chunk), to.onStderr);
    this.#streams = [stdout, stderr];
  }

  /** What was held back comes, now that nothing follows. */
  async finish(): Promise<void> {
    for (const { redaction, to } of this.#streams) await pass(redaction.end(), to);
  }

  [Symbol.dispose](): void {
    for (const { redaction } of this.#streams) redaction[Symbol.dispose]();
  }
}

function pass(shown: Buffer, to: OutputSink): ReturnType<OutputSink> {
  return shown.length === 0 ? undefined : to(shown);
}
