import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from "node:fs";
import { type InheritableListener, listenForChild } from "../platform/unix-socket.ts";
import type { Allowance } from "./confinement.ts";
import { takeFromMonitor } from "./disk-ownership.ts";
import { descriptorPath, jailIdentity, type ReadOnlyFile } from "./jail.ts";
import { fileKey, isWritable, socketsAt } from "./open-files.ts";

/** What a child finds at each descriptor from 5 on, in order. */
export type Inherited = "socket" | number;

export const firstInheritedFd = 5;

const closeOnExec = 0o2000000;

/** Where a child finds a file: by number, or by path. */
export type FilePlace = { readonly fd: number } | { readonly path: string };

type Stdio = "ignore" | "pipe" | number;

/** Numbers the descriptors a child inherits, so that its command line can name them. */
export class Descriptors {
  readonly inherited: Inherited[] = [];
  /** Files that the child finds by path. */
  readonly readOnlyFiles: ReadOnlyFile[] = [];
  readonly #files: { readonly key: string; readonly isWritable: boolean }[] = [];
  readonly #opened: number[] = [];
  readonly #listeners: InheritableListener[] = [];
  readonly #listenerNames: string[] = [];

  /** A socket to us, or an open file. */
  add(entry: Inherited): number {
    if (entry !== "socket")
      this.#files.push({ key: fileKey(fstatSync(entry)), isWritable: isWritable("self", entry) });
    return this.#inherit(entry);
  }

  /** Opens `path` for the child and answers where it finds it; our copy is closed by `close`. */
  share(path: string, flags: number = constants.O_RDONLY): string {
    const fd = openSync(path, flags);
    this.#opened.push(fd);
    return descriptorPath(this.add(fd));
  }

  /**
   * Shares a file that other machines use, too. Whoever owns a file can open it for writing again, however it was opened:
   * so it belongs to somebody else than the child, or the child finds it on a read-only mount and nowhere else.
   */
  shareReadOnly(path: string, name: string): string {
    if (hasOwnIdentity()) return this.share(path);
    this.readOnlyFiles.push({ source: path, target: `/${name}` });
    return `/${name}`;
  }

  /** The same with a file that is open already. */
  lendReadOnly(fd: number, name: string): FilePlace {
    takeFromMonitor(fd);
    if (hasOwnIdentity()) return { fd: this.add(fd) };
    return { path: this.shareReadOnly(readlinkSync(`/proc/self/fd/${fd}`), name) };
  }

  /**
   * What the child gets after `standard`. Descriptors that whoever started us left open in us would go on to every program
   * that we start, and so into the jail: the child finds nothing behind them.
   */
  stdio(standard: readonly Stdio[]): Stdio[] {
    const own = [
      ...standard,
      ...this.inherited.map((entry) => (entry === "socket" ? "pipe" : entry)),
    ];
    const leaks = readdirSync("/proc/self/fd")
      .map(Number)
      .filter((fd) => fd >= own.length && isInheritable(fd));
    if (leaks.length === 0) return own;
    const nothing = openSync("/dev/null", constants.O_RDONLY);
    this.#opened.push(nothing);
    const rest = Array.from({ length: Math.max(...leaks) + 1 - own.length }, (_, at) =>
      leaks.includes(own.length + at) ? nothing : "ignore",
    );
    return [...own, ...rest];
  }

  /** Listens on `path` for the child. */
  async listen(path: string): Promise<number> {
    const listener = await listenForChild(path);
    this.#listeners.push(listener);
    this.#listenerNames.push(listener.boundName);
    return this.#inherit(listener.fd);
  }

  /** Once the child has been started: what connects from now on is answered by it. */
  handOver(): void {
    for (const listener of this.#listeners.splice(0)) listener.handOver();
  }

  /**
   * What a child may be found with, told before it runs anything that is not ours: `pid` waits at its gate, and has its
   * sockets already.
   */
  allowanceOf(pid: number, filterCount: number): Allowance {
    const keys = (isWritable: boolean) =>
      this.#files.filter((file) => file.isWritable === isWritable).map(({ key }) => key);
    const shown = this.readOnlyFiles.map(({ source }) => fileKey(statSync(source)));
    return {
      readable: [...keys(false), ...shown],
      writable: keys(true),
      sockets: socketsAt(pid, [2, ...this.inherited.keys().map((at) => firstInheritedFd + at)]),
      listeners: this.#listenerNames,
      readOnlyFiles: this.readOnlyFiles.map(({ target }) => target),
      filterCount,
    };
  }

  #inherit(entry: Inherited): number {
    this.inherited.push(entry);
    return firstInheritedFd + this.inherited.length - 1;
  }

  /** Closes our copies; the child has its own. */
  close(): void {
    for (const fd of this.#opened.splice(0)) closeSync(fd);
    for (const listener of this.#listeners.splice(0)) listener[Symbol.dispose]();
  }
}

/** Whether jailed programs run as somebody else than we. */
function hasOwnIdentity(): boolean {
  return jailIdentity().uid !== undefined;
}

function isInheritable(fd: number): boolean {
  try {
    const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0;
  } catch {
    // It was that of the directory, or closed meanwhile.
    return false;
  }
}
