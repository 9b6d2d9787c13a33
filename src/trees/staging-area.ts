import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { fromBuffer, fromUtf8, joinPath } from "../model/byte-path.ts";
import { PyroError, systemErrorCode } from "../model/errors.ts";
import type { BytePath } from "../model/tree.ts";
import { below, ofDescriptor } from "../platform/descriptor-path.ts";
import { isAbandoned, temporaryNeighbour } from "../platform/files.ts";
import { removeTreeBelow } from "../platform/remove-tree.ts";

/**
 * A name beside the destination under which a tree is written, and which becomes the destination at once. The directory of
 * both is opened once: whatever happens to its path later, nothing is written elsewhere.
 */
export class StagingArea implements Disposable {
  readonly destination: string;
  readonly name: BytePath;
  readonly parentFd: number;
  readonly #finalName: BytePath;
  #published = false;

  constructor(destination: string) {
    this.destination = resolve(destination);
    this.#finalName = fromUtf8(basename(this.destination));
    this.name = fromUtf8(basename(temporaryNeighbour(this.destination)));
    this.parentFd = openParent(this.destination);
    try {
      this.#requireAbsent();
      this.#removeAbandoned();
    } catch (error) {
      closeSync(this.parentFd);
      throw error;
    }
  }

  /** What the tree will be called: as it was said, and without the links in that. */
  get hostPaths(): readonly BytePath[] {
    const parent = readlinkSync(ofDescriptor(this.parentFd), { encoding: "buffer" });
    return [fromUtf8(this.destination), joinPath(fromBuffer(parent), this.#finalName)];
  }

  /** Gives the finished tree its name; fails if anything has it meanwhile. */
  publish(isDirectory: boolean): void {
    const [from, to] = [below(this.parentFd, this.name), below(this.parentFd, this.#finalName)];
    this.#requireAbsent();
    try {
      if (isDirectory || !this.#publishByLink(from, to)) renameSync(from, to);
    } catch (error) {
      const code = systemErrorCode(error);
      if (["EEXIST", "ENOTEMPTY", "ENOTDIR", "EISDIR"].includes(code ?? ""))
        throw this.#exists(error);
      if (code === "ENOENT") throw this.#taken(error);
      throw error;
    }
    this.#published = true;
  }

  /** Removes what was not published. */
  [Symbol.dispose](): void {
    if (!this.#published) this.#remove(this.name);
    closeSync(this.parentFd);
  }

  /** What earlier exports to this place left when they were killed. */
  #removeAbandoned(): void {
    const prefix = `${basename(this.destination)}.`;
    for (const name of readdirSync(ofDescriptor(this.parentFd))) {
      const suffix = name.startsWith(prefix) ? name.slice(prefix.length) : "";
      if (/^[0-9a-f]{8}-\d+-\d+(-\d+)?\.partial$/.test(suffix) && isAbandoned(name))
        this.#remove(fromUtf8(name));
    }
  }

  /** A failure here would only hide why the export ended; the next export tries again. */
  #remove(name: BytePath): void {
    try {
      removeTreeBelow(this.parentFd, name);
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
    }
  }

  /** Unlike a rename, a link never replaces; false where the file system has none. */
  #publishByLink(from: Buffer, to: Buffer): boolean {
    try {
      linkSync(from, to);
    } catch (error) {
      if (["EPERM", "ENOTSUP", "EMLINK", "ENOSYS"].includes(systemErrorCode(error) ?? ""))
        return false;
      throw error;
    }
    unlinkSync(from);
    return true;
  }

  #requireAbsent(): void {
    // A rename of a directory onto an empty one would replace it, hence the look.
    if (lstatSync(below(this.parentFd, this.#finalName), { throwIfNoEntry: false }) !== undefined)
      throw this.#exists();
  }

  #taken(cause: unknown): PyroError {
    return new PyroError(
      "export_refused",
      `Another process moved what was written for ${this.destination}.`,
      { hint: "Export to a directory that nobody else works in.", cause },
    );
  }

  #exists(cause?: unknown): PyroError {
    return new PyroError("export_target_exists", `${this.destination} exists already.`, {
      hint: "Name a place that does not exist yet, or remove this one first.",
      cause,
    });
  }
}

function openParent(destination: string): number {
  const parent = dirname(destination);
  try {
    return openSync(parent, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new PyroError("export_refused", `The directory ${parent} cannot be opened: ${code}.`, {
      hint: "Create the directory that is to hold the export.",
      cause: error,
    });
  }
}
