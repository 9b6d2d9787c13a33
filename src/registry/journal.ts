import { limits } from "../model/limits.ts";
import type { JournaledCommand, WorkspaceEvent } from "../model/workspace-results.ts";
import type { Registry, Row } from "./database.ts";

/** A command as the journal's table has it; its output is in a file. */
export type CommandRow = JournaledCommand;

/** How a command ended. */
export type CommandEnd = Omit<CommandRow, "sequence" | "command" | "cwd" | "startedAt">;

export interface NewCommand {
  readonly workspaceId: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly startedAt: string;
}

export interface NewEvent extends WorkspaceEvent {
  readonly workspaceId: string;
}

export interface WhichCommands {
  readonly sequence?: number | undefined;
  readonly last?: number | undefined;
  /** Only those with a larger number. */
  readonly after?: number | undefined;
}

/** Takes out of a text what must not be written down. */
export interface JournalRedaction {
  redactText(text: string): string;
}

/** What happened in workspaces since their last reset: commands, and events that are no commands. */
export class Journal {
  readonly #registry: Registry;
  readonly #redactionOf: (workspaceId: string) => JournalRedaction;

  /** Nothing is written down but by way of a workspace's `redactionOf`. */
  constructor(registry: Registry, redactionOf: (workspaceId: string) => JournalRedaction) {
    this.#registry = registry;
    this.#redactionOf = redactionOf;
  }

  /** Records that a command begins and answers its number; undefined when the workspace is not started. */
  begin({ workspaceId, command, cwd, startedAt }: NewCommand): number | undefined {
    return this.#registry.write((run) => {
      const counted = run(
        `UPDATE workspaces SET command_count = command_count + 1, last_activity_at = :startedAt
         WHERE workspace_id = :workspaceId AND state = 'started'`,
        { workspaceId, startedAt },
      );
      if (counted === 0) return undefined;
      const [row] = this.#registry.all(
        "SELECT command_count FROM workspaces WHERE workspace_id = :workspaceId",
        { workspaceId },
      );
      const sequence = Number(row?.command_count);
      run(
        `INSERT INTO commands (workspace_id, sequence, command, cwd, started_at)
         VALUES (:workspaceId, :sequence, :command, :cwd, :startedAt)`,
        {
          workspaceId,
          sequence,
          command: JSON.stringify(command.map((word) => this.#redact(workspaceId, word))),
          cwd: this.#redact(workspaceId, cwd),
          startedAt,
        },
      );
      run(
        `DELETE FROM commands WHERE workspace_id = :workspaceId AND sequence <= :oldest
           AND ended_at IS NOT NULL`,
        { workspaceId, oldest: sequence - limits.journalCommandsMax },
      );
      return sequence;
    });
  }

  /** Records how a command ended. */
  end(workspaceId: string, sequence: number, end: CommandEnd): void {
    this.#registry.write((run) => {
      run("UPDATE workspaces SET last_activity_at = :endedAt WHERE workspace_id = :workspaceId", {
        workspaceId,
        endedAt: end.endedAt,
      });
      run(
        `UPDATE commands SET ended_at = :endedAt, exit_code = :exitCode, signal = :signal,
           timed_out = :timedOut, out_of_memory = :outOfMemory, not_started = :notStarted,
           interrupted = :interrupted, duration_ms = :durationMs, stdout_bytes = :stdoutBytes,
           stderr_bytes = :stderrBytes, stdout_dropped_bytes = :stdoutDroppedBytes,
           stderr_dropped_bytes = :stderrDroppedBytes
         WHERE workspace_id = :workspaceId AND sequence = :sequence`,
        {
          ...end,
          notStarted: this.#redact(workspaceId, end.notStarted),
          interrupted: this.#redact(workspaceId, end.interrupted),
          workspaceId,
          sequence,
          timedOut: Number(end.timedOut),
          outOfMemory: Number(end.outOfMemory),
        },
      );
    });
  }

  /** Whether a command runs, as far as anybody wrote down. */
  isRunning(workspaceId: string): boolean {
    const sql = `SELECT 1 FROM commands WHERE workspace_id = :workspaceId AND ended_at IS NULL LIMIT 1`;
    return this.#registry.all(sql, { workspaceId }).length > 0;
  }

  /** Marks every command that has not ended as cut off. */
  interruptRunning(workspaceId: string, { at, reason }: { at: string; reason: string }): void {
    this.#registry.write((run) =>
      run(
        `UPDATE commands SET ended_at = :at, interrupted = :reason
         WHERE workspace_id = :workspaceId AND ended_at IS NULL`,
        { workspaceId, at, reason },
      ),
    );
  }

  /** Says that nothing is kept any more of what a command wrote. */
  dropOutput(workspaceId: string, sequence: number): void {
    this.#registry.write((run) =>
      run(
        `UPDATE commands SET stdout_dropped_bytes = stdout_bytes, stderr_dropped_bytes = stderr_bytes
         WHERE workspace_id = :workspaceId AND sequence = :sequence`,
        { workspaceId, sequence },
      ),
    );
  }

  commands(workspaceId: string, { sequence, last, after = 0 }: WhichCommands = {}): CommandRow[] {
    const sql = `SELECT * FROM (SELECT * FROM commands WHERE workspace_id = :workspaceId
                   AND (:sequence IS NULL OR sequence = :sequence) AND sequence > :after
                   ORDER BY sequence DESC LIMIT :last) ORDER BY sequence`;
    const parameters = { workspaceId, sequence: sequence ?? null, last: last ?? -1, after };
    return this.#registry.all(sql, parameters).map(toCommand);
  }

  /** How many of the oldest commands are not remembered any more. */
  forgottenCount(workspaceId: string): number {
    const [row] = this.#registry.all(
      "SELECT MIN(sequence) AS first FROM commands WHERE workspace_id = :workspaceId",
      { workspaceId },
    );
    return Math.max(0, Number(row?.first ?? 1) - 1);
  }

  /** Somebody used the workspace, and there is nothing more to say about it. */
  noteActivity(workspaceId: string, at: string): void {
    this.#registry.write((run) =>
      run("UPDATE workspaces SET last_activity_at = :at WHERE workspace_id = :workspaceId", {
        workspaceId,
        at,
      }),
    );
  }

  record({ workspaceId, at, kind, text }: NewEvent): void {
    this.#registry.write((run) => {
      run("UPDATE workspaces SET last_activity_at = :at WHERE workspace_id = :workspaceId", {
        workspaceId,
        at,
      });
      // Nothing is recorded of a workspace that is gone.
      run(
        `INSERT INTO events (workspace_id, at, kind, text)
         SELECT workspace_id, :at, :kind, :text FROM workspaces WHERE workspace_id = :workspaceId`,
        { workspaceId, at, kind, text: this.#redact(workspaceId, text) },
      );
      run(
        `DELETE FROM events WHERE workspace_id = :workspaceId AND event_id <=
           (SELECT event_id FROM events WHERE workspace_id = :workspaceId
            ORDER BY event_id DESC LIMIT 1 OFFSET :max)`,
        { workspaceId, max: limits.journalEventsMax },
      );
    });
  }

  events(workspaceId: string): WorkspaceEvent[] {
    const sql = "SELECT * FROM events WHERE workspace_id = :workspaceId ORDER BY event_id";
    return this.#registry.all(sql, { workspaceId }).map((row) => ({
      at: String(row.at),
      kind: String(row.kind),
      text: String(row.text),
    }));
  }

  #redact<Text extends string | null>(workspaceId: string, text: Text): Text | string {
    return text === null ? text : this.#redactionOf(workspaceId).redactText(text);
  }

  /** Forgets what happened so far, as a reset does. */
  clear(workspaceId: string): void {
    this.#registry.write((run) => {
      run("DELETE FROM commands WHERE workspace_id = :workspaceId", { workspaceId });
      run("DELETE FROM events WHERE workspace_id = :workspaceId", { workspaceId });
      run("UPDATE workspaces SET command_count = 0 WHERE workspace_id = :workspaceId", {
        workspaceId,
      });
    });
  }
}

function toCommand(row: Row): CommandRow {
  const text = (column: string) => (row[column] === null ? null : String(row[column]));
  const number = (column: string) => (row[column] === null ? null : Number(row[column]));
  return {
    sequence: Number(row.sequence),
    command: JSON.parse(String(row.command)),
    cwd: String(row.cwd),
    startedAt: String(row.started_at),
    endedAt: text("ended_at"),
    exitCode: number("exit_code"),
    signal: text("signal"),
    timedOut: row.timed_out === 1,
    outOfMemory: row.out_of_memory === 1,
    notStarted: text("not_started"),
    interrupted: text("interrupted"),
    durationMs: number("duration_ms"),
    stdoutBytes: Number(row.stdout_bytes),
    stderrBytes: Number(row.stderr_bytes),
    stdoutDroppedBytes: Number(row.stdout_dropped_bytes),
    stderrDroppedBytes: Number(row.stderr_dropped_bytes),
  };
}
