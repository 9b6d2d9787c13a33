import { randomBytes, timingSafeEqual } from "node:crypto";
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { standingOf } from "./standing.ts";

/** What a process's name may be long: 15 bytes of Base64. */
const nameBytes = 11;

/**
 * Who may give a waiting process work: nobody who may do less than it may itself, or a program in a sandbox that sees the socket would get
 * out by it. Nothing that a caller says of itself counts. It bears a name for a moment that only its own process can give it, and the
 * kernel tells where the process of that name stands; and it reads what only those can who could look into this process anyway.
 */
export class CallerProof implements Disposable {
  readonly #descriptor: number;
  readonly #secret = randomBytes(16).toString("hex");

  constructor(directory: string) {
    const path = join(directory, `secret.${process.pid}`);
    rmSync(path, { force: true });
    this.#descriptor = openSync(path, "wx+", 0o600);
    rmSync(path);
    writeSync(this.#descriptor, this.#secret);
  }

  /** What a caller is asked to do. */
  greet(): { readonly name: string; readonly greeting: string } {
    const name = randomBytes(nameBytes).toString("base64url");
    return { name, greeting: `${name} ${process.pid} ${this.#descriptor}\n` };
  }

  knows(secret: string): boolean {
    const [said, ours] = [Buffer.from(secret), Buffer.from(this.#secret)];
    return said.length === ours.length && timingSafeEqual(said, ours);
  }

  /** Whether the process `pid` bears this name, and may do what this one may. */
  stands(pid: number, name: string): boolean {
    try {
      const isNamed = readFileSync(`/proc/${pid}/comm`, "latin1") === `${name}\n`;
      return isNamed && standingOf(pid) === standingOf(process.pid);
    } catch {
      // It is gone, or cannot be looked at.
      return false;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}
