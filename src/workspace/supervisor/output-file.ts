import { closeSync, createReadStream, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { encodeFrame, encodeFrames, FrameDecoder, frameKind } from "../../channel/frames.ts";
import { systemErrorCode } from "../../model/errors.ts";
import { HeadAndTail } from "../../model/head-and-tail.ts";
import { limits } from "../../model/limits.ts";
import { writeFullySync } from "../../platform/write-fully.ts";
import { isOutput, type OutputFrame, type OutputKind } from "./output-frame.ts";

/** Where the output of a command is kept. */
export function outputPath(directory: string, sequence: number): string {
  return join(directory, String(sequence));
}

type OutputCounts = Record<"stdout" | "stderr", { bytes: number; droppedBytes: number }>;

/** The output of one command on its way into the journal: the head of each stream at once, its tail at the end. */
export class OutputFile {
  readonly #path: string;
  readonly #streams = { [frameKind.stdout]: newStream(), [frameKind.stderr]: newStream() };
  #fd: number | undefined;
  #isBroken = false;
  #finished: OutputCounts | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  push(kind: OutputKind, payload: Buffer): void {
    const head = this.#streams[kind].push(payload);
    if (head.length > 0) this.#append(encodeFrame(kind, head));
  }

  /** Writes what the tails hold; answers what each stream had and what is missing in its middle. */
  finish(): OutputCounts {
    this.#finished ??= this.#finish();
    return this.#finished;
  }

  #finish(): OutputCounts {
    const counts = (kind: OutputKind) => {
      const stream = this.#streams[kind];
      for (const frame of encodeFrames(kind, stream.tail())) this.#append(frame);
      // Output that could not be written is missing too.
      const droppedBytes = this.#isBroken ? stream.bytes : stream.droppedBytes;
      return { bytes: stream.bytes, droppedBytes };
    };
    const result = { stdout: counts(frameKind.stdout), stderr: counts(frameKind.stderr) };
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    return result;
  }

  /** A full disk must not end the command: its output still reaches whoever listens. */
  #append(bytes: Buffer): void {
    if (this.#isBroken) return;
    try {
      this.#fd ??= openForWriting(this.#path);
      writeFullySync(this.#fd, bytes);
    } catch {
      this.#isBroken = true;
    }
  }
}

function newStream(): HeadAndTail {
  return new HeadAndTail(limits.journalHeadBytesMax, limits.journalTailBytesMax);
}

function openForWriting(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, "w", 0o600);
}

/** What the journal kept of a command's output; empty when it wrote none. */
export async function readOutputFile(path: string): Promise<{ stdout: Buffer; stderr: Buffer }> {
  const parts = { [frameKind.stdout]: [] as Buffer[], [frameKind.stderr]: [] as Buffer[] };
  for await (const { kind, payload } of outputFrames(path)) parts[kind].push(payload);
  return {
    stdout: Buffer.concat(parts[frameKind.stdout]),
    stderr: Buffer.concat(parts[frameKind.stderr]),
  };
}

/** What the journal kept in the order in which it came, a frame at a time. */
export async function* outputFrames(path: string): AsyncGenerator<OutputFrame> {
  const decoder = new FrameDecoder();
  try {
    for await (const chunk of createReadStream(path))
      for (const frame of decoder.push(chunk as Buffer)) if (isOutput(frame)) yield frame;
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
}
