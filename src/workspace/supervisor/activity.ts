import type { Journal } from "../../registry/journal.ts";
import { now } from "../records/workspace-records.ts";

/** How often at most the registry is told: a keystroke must not cost a write, and nobody asks to the second. */
const intervalMs = 10_000;

/** That somebody uses a workspace in ways that the journal has no line for. */
export class Activity {
  readonly #workspaceId: string;
  readonly #journal: Journal;
  #notedAt = -Infinity;

  constructor({ workspaceId, journal }: { workspaceId: string; journal: Journal }) {
    this.#workspaceId = workspaceId;
    this.#journal = journal;
  }

  note(): void {
    const at = performance.now();
    if (at - this.#notedAt < intervalMs) return;
    this.#notedAt = at;
    try {
      this.#journal.noteActivity(this.#workspaceId, now());
    } catch {
      // A full disk must not keep anybody from a shell.
    }
  }
}
