import { readdirSync, rmSync, statSync } from "node:fs";
import { limits } from "../../model/limits.ts";
import type { Journal } from "../../registry/journal.ts";
import type { KeptSecrets } from "../records/kept-secrets.ts";
import { latePaths } from "./late-output-file.ts";
import { outputPath } from "./output-file.ts";

/** Whose output is kept, and where. */
export interface OutputPlace {
  readonly workspaceId: string;
  readonly journal: Journal;
  readonly outputDirectory: string;
  /** What must not be in it. */
  readonly secrets: KeptSecrets;
}

/** Bounds the room that the output of a workspace's commands takes: what was written first goes first, and its row says so. */
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

  /** A command wrote. What was written last is kept, however large. */
  grew(sequence: number): void {
    this.#forget(sequence);
    this.#add(sequence);
    for (const oldest of this.#sizes.keys()) {
      const isTooMuch =
        this.#bytes > this.#bytesMax || this.#sizes.size > limits.journalCommandsMax;
      if (!isTooMuch || oldest === sequence) return;
      this.#place.journal.dropOutput(this.#place.workspaceId, oldest);
      for (const path of pathsOf(this.#place, oldest)) rmSync(path, { force: true });
      this.#forget(oldest);
    }
  }

  #add(sequence: number): void {
    const found = pathsOf(this.#place, sequence).map((path) =>
      statSync(path, { throwIfNoEntry: false }),
    );
    if (found.every((status) => status === undefined)) return;
    const size = found.reduce((sum, status) => sum + (status?.size ?? 0), 0);
    this.#sizes.set(sequence, size);
    this.#bytes += size;
  }

  #forget(sequence: number): void {
    this.#bytes -= this.#sizes.get(sequence) ?? 0;
    this.#sizes.delete(sequence);
  }
}

/** Where the output of a command is, what came after its end included. */
function pathsOf({ outputDirectory }: OutputPlace, sequence: number): string[] {
  const path = outputPath(outputDirectory, sequence);
  return [path, ...latePaths(path)];
}

/** The commands, by their numbers, of which anything is kept, the oldest first. */
export function storedSequences(directory: string): number[] {
  try {
    const sequences = readdirSync(directory).flatMap((name) => {
      const sequence = /^([1-9]\d*)(\.late(\.old)?)?$/.exec(name)?.[1];
      return sequence === undefined ? [] : [Number(sequence)];
    });
    return [...new Set(sequences)].sort((a, b) => a - b);
  } catch {
    // No command has written anything yet.
    return [];
  }
}
