/** Ends of commands that a full disk kept out of the journal; each is tried again until it is in there. */
export class LateEnds {
  readonly #writes: (() => void)[] = [];

  add(write: () => void): void {
    this.#writes.push(write);
  }

  retry(): void {
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      try {
        write();
      } catch {
        return;
      }
      this.#writes.shift();
    }
  }
}
