import { readdirSync, rmSync, statSync } from "node:fs";
import { limits } from "../../model/limits.ts";
import type { Journal } from "../../registry/journal.ts";
import { outputPath } from "./output-file.ts";

/** Whose output is kept, and where. */
export interface OutputPlace {
  readonly workspaceId: string;
  readonly journal: Journal;
  readonly outputDirectory: string;
}

/** Bounds the room that the output of a workspace's commands takes: what ended first goes first, and its row says so. */
export class KeptOutput {
  readonly #place: OutputPlace;
  readonly #bytesMax: number;
  /** Bytes of each command's output, by number, the oldest first. */
  readonly #sizes = new Map<number, number>();
  #bytes = 0;

  constructor(place: OutputPlace, bytesMax: number) {
    this.#place = place;
    this.#bytesMax = bytesMax;
    for (const sequence of storedSequences(place.outputDirectory)) this.#add(sequence);
  }

  /** A command ended, and its output is complete. The newest is kept, however large. */
  ended(sequence: number): void {
    this.#add(sequence);
    for (const [oldest, bytes] of this.#sizes) {
      const isTooMuch =
        this.#bytes > this.#bytesMax || this.#sizes.size > limits.journalCommandsMax;
      if (!isTooMuch || oldest === sequence) return;
      this.#place.journal.dropOutput(this.#place.workspaceId, oldest);
      rmSync(outputPath(this.#place.outputDirectory, oldest), { force: true });
      this.#sizes.delete(oldest);
      this.#bytes -= bytes;
    }
  }

  #add(sequence: number): void {
    const path = outputPath(this.#place.outputDirectory, sequence);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) return;
    this.#sizes.set(sequence, size);
    this.#bytes += size;
  }
}

function storedSequences(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^[1-9]\d*$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  } catch {
    // No command has written anything yet.
    return [];
  }
}
