import type { Registry, Run } from "./database.ts";

/** Told of every workspace that was changed, after it was. */
export type OnChange = (workspaceId: string) => void;

/** Writes what is kept of workspaces, and counts that as changes of theirs. */
export class WorkspaceWriter {
  readonly #registry: Registry;
  readonly #onChange: OnChange;

  constructor(registry: Registry, onChange: OnChange = () => undefined) {
    this.#registry = registry;
    this.#onChange = onChange;
  }

  /** Runs `work` as one transaction, counting it as a change of the workspace when it answers that it was one. */
  change(workspaceId: string, work: (run: Run) => boolean): boolean {
    const isChanged = this.#registry.write((run) => {
      const isDone = work(run);
      if (isDone) countChange(run, workspaceId);
      return isDone;
    });
    if (isChanged) this.#onChange(workspaceId);
    return isChanged;
  }
}

/** Part of a transaction: what is kept of the workspace is another thing than before. */
export function countChange(run: Run, workspaceId: string): void {
  run("UPDATE workspaces SET revision = revision + 1 WHERE workspace_id = :workspaceId", {
    workspaceId,
  });
}
