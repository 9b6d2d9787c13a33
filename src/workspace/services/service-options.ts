import type { PortToPublish, Readiness, RestartPolicy } from "../../model/service-definition.ts";
import type { ProgramOptions } from "../life/workspace-options.ts";

export interface StartServiceOptions extends ProgramOptions {
  /** Program and arguments; never a shell line. It must stay in the foreground. */
  readonly command: readonly string[];
  /** How the service shows that it is ready. Default: it is as soon as it runs. */
  readonly readiness?: Readiness | undefined;
  /** How long it may take to be ready; it is stopped then. Default 30. */
  readonly readyTimeoutSeconds?: number | undefined;
  /** The longest pause between two looks at its readiness; they are shorter at first. Default 500. */
  readonly readyIntervalMs?: number | undefined;
  /** How long it may take to end when it is asked to; it is killed then. Default 10. */
  readonly stopGraceSeconds?: number | undefined;
  /** Whether it is started again when it fails after it was ready. Default `no`. */
  readonly restart?: RestartPolicy | undefined;
  /** Ports of the guest to publish on 127.0.0.1 for as long as it runs: a number, or which of the host's as well. */
  readonly publishedPorts?: readonly (number | PortToPublish)[] | undefined;
  /** Aborting gives up waiting until it is ready; the service goes on. */
  readonly signal?: AbortSignal | undefined;
}

export interface ServiceOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ServiceLogsOptions {
  /** Default 200. */
  readonly tailLines?: number | undefined;
  /** All that is kept, 16 MiB at most. Default false. */
  readonly all?: boolean | undefined;
  /** Only what was written since then. */
  readonly since?: Date | undefined;
  /** Only what came after: `nextCursor` of an earlier answer. */
  readonly cursor?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FollowServiceLogsOptions extends ServiceLogsOptions {
  /** Receives each line as soon as it is whole; a promise holds the rest back. */
  readonly onLine: (line: FollowedLine) => void | Promise<void>;
}

/** A line of a log; the text as bytes, without the line break. */
export interface FollowedLine {
  readonly at: Date;
  readonly stream: "stdout" | "stderr";
  readonly text: Buffer;
}

export interface PublishPortOptions extends PortToPublish {}
