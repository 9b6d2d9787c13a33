import { PassThrough } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";
import { PyroError } from "../index.ts";
import type { IO } from "./io.ts";
import { TerminalFilter } from "./terminal-filter.ts";

/** How long a first detach key waits for the second before it is the program's. */
const detachMs = 1000;
const ctrlP = 0x10;
const ctrlQ = 0x11;

/** A person's terminal as long as it shows a shell. However that ends, the terminal is theirs again. */
export class AttachedTerminal implements Disposable {
  readonly input = new PassThrough();
  readonly #stdin: ReadStream;
  readonly #stdout: WriteStream;
  readonly #filter = new TerminalFilter();
  readonly #onDetach: () => void;
  readonly #onKeys = (keys: Buffer) => this.#take(keys);
  readonly #restoreAtExit = () => this.#restore();
  #held: NodeJS.Timeout | undefined;
  #isRestored = false;

  /** `onDetach` is told of the keys that detach. */
  constructor(io: IO, onDetach: () => void) {
    if (io.inputKind !== "terminal" || !io.stdoutIsTerminal)
      throw new PyroError("invalid_argument", "Attaching takes a terminal for input and output.", {
        hint: "In a program, use: pyro workspace shell write, pyro workspace shell read",
      });
    this.#stdin = io.stdin as ReadStream;
    this.#stdout = io.stdout as WriteStream;
    this.#onDetach = onDetach;
    process.on("exit", this.#restoreAtExit);
    this.#stdin.setRawMode(true);
    this.#stdin.on("data", this.#onKeys);
    this.#stdin.resume();
  }

  /** Shows what a shell wrote; settles when the terminal took it. */
  show(bytes: Buffer): Promise<void> | undefined {
    const passed = this.#filter.pass(bytes);
    if (passed === "" || this.#stdout.write(passed)) return undefined;
    return new Promise((resolve) => this.#stdout.once("drain", resolve));
  }

  /** Ctrl-P Ctrl-Q detaches, as in docker; a Ctrl-P that is followed by something else, or by nothing, is the program's. */
  #take(keys: Buffer): void {
    const all = this.#held === undefined ? keys : Buffer.concat([Buffer.from([ctrlP]), keys]);
    clearTimeout(this.#held);
    this.#held = undefined;
    const end = all.indexOf(Buffer.from([ctrlP, ctrlQ]));
    const isHeld = end < 0 && all.at(-1) === ctrlP;
    this.#type(all.subarray(0, end >= 0 ? end : all.length - (isHeld ? 1 : 0)));
    if (end >= 0) this.#onDetach();
    else if (isHeld) this.#held = setTimeout(() => this.#giveUpHeld(), detachMs);
  }

  #giveUpHeld(): void {
    this.#held = undefined;
    this.#type(Buffer.from([ctrlP]));
  }

  #type(keys: Buffer): void {
    if (keys.length > 0) this.input.write(keys);
  }

  #restore(): void {
    if (this.#isRestored) return;
    this.#isRestored = true;
    this.#stdout.write(this.#filter.restore());
    this.#stdin.setRawMode(false);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#held);
    this.#restore();
    process.off("exit", this.#restoreAtExit);
    this.#stdin.off("data", this.#onKeys);
    this.#stdin.pause();
    this.input.end();
  }
}
