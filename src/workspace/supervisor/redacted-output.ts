import { frameKind } from "../../channel/frames.ts";
import { LiveRedaction } from "../../secrets/live-redaction.ts";
import type { KeptSecrets } from "../records/kept-secrets.ts";
import type { OutputFrame, OutputKind } from "./output-frame.ts";

const kinds = [frameKind.stdout, frameKind.stderr] as const;

/** Both output streams of a command with the workspace's secrets taken out. */
export class RedactedOutput implements Disposable {
  readonly #streams: Readonly<Record<OutputKind, LiveRedaction>>;

  /** `show` receives what waited too long for what follows it. */
  constructor(secrets: KeptSecrets, show: (frame: OutputFrame) => void) {
    const stream = (kind: OutputKind) =>
      new LiveRedaction(
        () => secrets.values(),
        (payload) => show({ kind, payload }),
      );
    this.#streams = {
      [frameKind.stdout]: stream(frameKind.stdout),
      [frameKind.stderr]: stream(frameKind.stderr),
    };
  }

  /** What can be shown now: a frame, or none. */
  push({ kind, payload }: OutputFrame): OutputFrame[] {
    return frameOf(kind, this.#streams[kind].push(payload));
  }

  /** What is held back, now that nothing follows. */
  end(): OutputFrame[] {
    return kinds.flatMap((kind) => frameOf(kind, this.#streams[kind].end()));
  }

  [Symbol.dispose](): void {
    for (const kind of kinds) this.#streams[kind][Symbol.dispose]();
  }
}

function frameOf(kind: OutputKind, payload: Buffer): OutputFrame[] {
  return payload.length === 0 ? [] : [{ kind, payload }];
}
