import type { AgentClient } from "../../channel/agent-client.ts";
import { asPyroError } from "../../model/errors.ts";
import type { ShellQuestion } from "../../model/shell-reading.ts";
import type { SecretValues } from "../../secrets/redaction.ts";
import { readShell, type ShellAnswer } from "./read-shell.ts";
import { loadTerminal, Screen } from "./screen.ts";
import { type ShellSource, shellSource } from "./shell-source.ts";

/** Each may take some megabytes; one that is given up is fed anew when it is read again. */
const screensMax = 8;

interface Reading {
  readonly question: ShellQuestion;
  /** What must not be seen. */
  readonly values: SecretValues;
  readonly signal: AbortSignal;
}

/** The screens of a workspace's shells, as far as anybody looks at them. */
export class Screens {
  readonly #screens = new Map<string, Promise<Screen>>();

  /** A shell was opened, and will be read. */
  prepare(): void {
    // What is missing is told to whoever reads.
    loadTerminal().catch(() => undefined);
  }

  async read(
    client: () => AgentClient,
    { question, values, signal }: Reading,
  ): Promise<ShellAnswer> {
    const { shellId } = question;
    try {
      const source = shellSource(client, shellId, signal);
      return await readShell(question, source, {
        values,
        openScreen: () => this.#open(shellId, source),
      });
    } catch (error) {
      if (asPyroError(error).code === "shell_not_found") this.#forget(shellId);
      throw error;
    }
  }

  /** The screen of a shell, which becomes the one that was looked at last. */
  async #open(shellId: string, source: ShellSource): Promise<Screen> {
    let screen = this.#screens.get(shellId);
    if (screen === undefined) {
      const shell = await source.status();
      screen = this.#screens.get(shellId) ?? Screen.open(shell);
    }
    this.#screens.delete(shellId);
    this.#screens.set(shellId, screen);
    const [oldest] = this.#screens.keys();
    if (this.#screens.size > screensMax && oldest !== undefined) this.#forget(oldest);
    return screen;
  }

  #forget(shellId: string): void {
    // Whoever reads it at the moment has it still; it goes with him.
    this.#screens.delete(shellId);
  }
}
