import type { TestWorkspaces } from "../workspaces.ts";

/** The files of a workspace as they were acknowledged, to be held against those it has. */
export class Kept {
  readonly #place: TestWorkspaces;
  readonly #id: string;
  readonly #texts = new Map<string, string>();

  constructor(place: TestWorkspaces, id: string) {
    this.#place = place;
    this.#id = id;
  }

  text(path: string): string | undefined {
    return this.#texts.get(path);
  }

  /** A change of one file was asked for: done when that was acknowledged, else done or not. */
  async settle(path: string, text: string, isDone: boolean): Promise<string | undefined> {
    const found = await this.#read(path);
    const old = this.#texts.get(path);
    if (found !== text && (isDone || found !== old))
      return `${path} is ${found?.slice(0, 40)} (${found?.length} characters)`;
    if (found !== undefined) this.#texts.set(path, found);
    return undefined;
  }

  /** What differs from what was acknowledged, but for `changing`. */
  async lost(changing: string | undefined): Promise<string | undefined> {
    for (const [path, text] of this.#texts) {
      const found = path === changing ? text : await this.#read(path);
      if (found !== text) return `${path} is ${found?.slice(0, 40)} (${found?.length} characters)`;
    }
    return undefined;
  }

  async #read(path: string): Promise<string | undefined> {
    try {
      const { text } = await this.#place.pyro.readWorkspaceFile(this.#id, path, {
        maxBytes: 1 << 20,
      });
      return text;
    } catch (error) {
      if ((error as { code?: string }).code === "workspace_path_not_found") return undefined;
      throw error;
    }
  }
}
