import type { BytePath, TreeEntry } from "../model/tree.ts";
import {
  bareRepositories,
  mayBePartOfRepository,
  OpenedCheck,
  type RunsWhenOpened,
} from "./runs-when-opened.ts";

/** What of one tree runs when somebody opens it. */
export class OpenedFiles {
  readonly #check: OpenedCheck;
  readonly #found = new Map<BytePath, RunsWhenOpened>();
  readonly #repositoryParts = new Set<BytePath>();

  /** `bases` are the paths of the tree itself: where it comes from, where it goes. */
  constructor(bases: readonly BytePath[]) {
    this.#check = new OpenedCheck(bases);
  }

  get count(): number {
    return this.#found.size;
  }

  get found(): readonly RunsWhenOpened[] {
    return [...this.#found.values()];
  }

  judge(entry: TreeEntry): RunsWhenOpened | undefined {
    return this.#check.of(entry);
  }

  /** Takes note of an entry that is there now. */
  add(entry: TreeEntry, runs: RunsWhenOpened | undefined): void {
    if (runs !== undefined) this.#found.set(entry.path, runs);
    if (mayBePartOfRepository(entry)) this.#repositoryParts.add(entry.path);
  }

  /** Adds what only all of a tree together tells. */
  addRepositories(): void {
    for (const one of bareRepositories(this.#repositoryParts))
      if (this.#found.get(one.path)?.runs !== "by_itself") this.#found.set(one.path, one);
  }

  /** Hands over, and forgets, what runs by itself. */
  takeSelfRunning(): readonly RunsWhenOpened[] {
    const taken = this.found.filter(({ runs }) => runs === "by_itself");
    for (const { path } of taken) this.#found.delete(path);
    return taken;
  }
}
