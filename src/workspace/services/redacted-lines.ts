import type { LogPiece } from "../../channel/service-client.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { LiveRedaction } from "../../secrets/live-redaction.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { LogLines } from "./log-lines.ts";
import type { FollowedLine } from "./service-options.ts";

const streams = ["stdout", "stderr"] as const;

type Stream = (typeof streams)[number];

/** Makes lines of the pieces of a log, with the workspace's secrets taken out before. */
export class RedactedLines {
  readonly #lines: LogLines;
  readonly #redactions: Readonly<Record<Stream, LiveRedaction>>;
  #atMs = 0;
  /** One piece after the other, also of what was held back and comes by itself. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    context: WorkspaceContext,
    { workspaceId }: WorkspaceRow,
    hand: (line: FollowedLine) => void | Promise<void>,
  ) {
    this.#lines = new LogLines(hand);
    const kept = context.records.secrets(workspaceId);
    const redaction = (stream: Stream) =>
      new LiveRedaction(
        () => kept.values(),
        (bytes) => {
          // Whoever waits for the next piece is told of a failure.
          this.#add({ stream, atMs: this.#atMs, bytes }).catch(() => undefined);
        },
      );
    this.#redactions = { stdout: redaction("stdout"), stderr: redaction("stderr") };
  }

  /** Whether something waits for what follows, which may be the rest of a value; it does so for two seconds at most. */
  get isHolding(): boolean {
    return streams.some((stream) => this.#redactions[stream].heldBytes > 0);
  }

  get droppedBytes(): number {
    return this.#lines.droppedBytes;
  }

  push(piece: LogPiece): Promise<void> {
    if (piece.stream === "dropped") return this.#add(piece);
    this.#atMs = piece.atMs;
    return this.#add({ ...piece, bytes: this.#redactions[piece.stream].push(piece.bytes) });
  }

  /** Hands on what has no end yet. */
  async finish(): Promise<void> {
    for (const stream of streams)
      await this.#add({ stream, atMs: this.#atMs, bytes: this.#redactions[stream].end() });
    await this.#lines.finish();
  }

  #add(piece: LogPiece): Promise<void> {
    this.#last = this.#last.then(() => this.#lines.push(piece));
    return this.#last;
  }
}
