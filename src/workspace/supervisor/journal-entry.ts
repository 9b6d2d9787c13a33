import { PyroError } from "../../model/errors.ts";
import { faultPoint } from "../../platform/fault.ts";
import type { CommandEnd } from "../../registry/journal.ts";
import { now } from "../records/workspace-records.ts";
import type { KeptOutput, OutputPlace } from "./kept-output.ts";
import type { LateEnds } from "./late-ends.ts";
import { OutputFile, outputPath } from "./output-file.ts";
import type { OutputFrame } from "./output-frame.ts";

/** Where a workspace's commands are written down. */
export interface JournalPlace extends OutputPlace {
  readonly lateEnds: LateEnds;
  readonly kept: KeptOutput;
}

/** One command in the journal: its row, and its output in a file. */
export class JournalEntry {
  /** Number of the command since the last reset, from 1. */
  readonly sequence: number;
  readonly #place: JournalPlace;
  readonly #output: OutputFile;

  private constructor(place: JournalPlace, sequence: number) {
    this.sequence = sequence;
    this.#place = place;
    this.#output = new OutputFile(outputPath(place.outputDirectory, sequence));
  }

  /** Writes down that a command begins. Throws `workspace_lost` when the workspace is not started. */
  static begin(
    place: JournalPlace,
    { command, cwd }: { readonly command: readonly string[]; readonly cwd: string },
  ): JournalEntry {
    const { workspaceId, journal } = place;
    const sequence = journal.begin({ workspaceId, command, cwd, startedAt: now() });
    if (sequence !== undefined) return new JournalEntry(place, sequence);
    throw new PyroError("workspace_lost", `Workspace ${workspaceId} is not running any more.`);
  }

  addOutput({ kind, payload }: OutputFrame): void {
    this.#output.push(kind, payload);
  }

  /** Writes down how the command ended, as far as that is known, and what it wrote. False when that is possible only later. */
  end(end: Partial<CommandEnd>): boolean {
    const { stdout, stderr } = this.#output.finish();
    const { workspaceId, journal, lateEnds, kept } = this.#place;
    const ended = {
      ...unknownEnd,
      ...end,
      endedAt: now(),
      stdoutBytes: stdout.bytes,
      stderrBytes: stderr.bytes,
      stdoutDroppedBytes: stdout.droppedBytes,
      stderrDroppedBytes: stderr.droppedBytes,
    };
    const write = () => {
      journal.end(workspaceId, this.sequence, ended);
      kept.grew(this.sequence);
    };
    try {
      faultPoint("exec.journaled");
      write();
      return true;
    } catch {
      lateEnds.add(write);
      return false;
    }
  }
}

const unknownEnd = {
  exitCode: null,
  signal: null,
  timedOut: false,
  outOfMemory: false,
  notStarted: null,
  interrupted: null,
  durationMs: null,
} as const;
