import {
  type FileHandle,
  lstat,
  mkdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
} from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PyroError, systemErrorCode, visibleText } from "../index.ts";
import { fillFileAtomically } from "../platform/files.ts";
import type { Fields, Place } from "./agent.ts";
import { type Editor, meansTheSame, SyntaxTrouble, valueAt } from "./edit/editor.ts";
import { editors } from "./edit/editors.ts";

const bytesMax = 64 * 1024 * 1024;
const byteOrderMark = "\ufeff";

/** Whether an entry starts pyro. */
type IsOurs = (entry: unknown) => boolean;

/** A configuration file of a coding agent: read whole, changed in one entry, replaced whole. */
export class ConfigFile {
  readonly place: Place;
  /** What the file says; empty when there is none. */
  readonly content: Readonly<Record<string, unknown>>;
  readonly exists: boolean;
  readonly #text: string;
  readonly #editor: Editor;
  readonly #isOurs: IsOurs;

  private constructor(place: Place, isOurs: IsOurs, text: string | undefined) {
    this.place = place;
    this.#isOurs = isOurs;
    this.exists = text !== undefined;
    this.#text = text ?? "";
    this.#editor = editors[place.format];
    this.content = this.#understood(() => this.#editor.parse(bare(this.#text), place.keyPath));
  }

  /** Throws `host_config_unreadable`, naming file and line, when the file cannot be understood. */
  static async read(place: Place, isOurs: IsOurs): Promise<ConfigFile> {
    return new ConfigFile(place, isOurs, await readText(place.path));
  }

  get backupPath(): string {
    return `${this.place.path}.pyro-backup`;
  }

  /** The entry as it stands; undefined when there is none. */
  get entry(): unknown {
    return valueAt(this.content, this.place.keyPath);
  }

  /** Writes the entry, after a copy of the file; answers the path of that copy. */
  async write(entry: Fields): Promise<string | null> {
    const text = this.#written(this.#text, entry);
    await this.#require(text, entry);
    const backup = await this.keepBackup();
    await this.#replace(text);
    return backup;
  }

  /** Keeps the file as it was before pyro's entry; answers its path, or null when there was none. */
  async keepBackup(): Promise<string | null> {
    const kept = await this.#kept();
    // A copy from before our entry is worth more than one with an older entry of ours.
    if (this.exists && kept !== undefined && this.#explains(kept)) return this.backupPath;
    if (!this.exists || (kept === undefined && this.#explains(""))) {
      await this.dropBackup();
      return null;
    }
    await replaceFile(this.backupPath, this.#text, await modeOf(this.place.path));
    return this.backupPath;
  }

  async dropBackup(): Promise<void> {
    await rm(this.backupPath, { force: true });
  }

  /** Takes the entry out again. A file that holds nothing else, and was not there before, goes too. */
  async remove(): Promise<void> {
    const kept = await this.#kept();
    if (kept !== undefined && this.#explains(kept)) await this.#replace(kept);
    else if (kept === undefined && this.#explains("")) {
      await this.#requireUnchanged();
      await rm(await targetOf(this.place.path));
    } else {
      const earlier = await this.replacedEntry();
      const text =
        earlier === undefined
          ? mark(this.#text) + this.#editor.remove(bare(this.#text), this.place.keyPath)
          : this.#written(this.#text, earlier);
      await this.#require(text, earlier);
      await this.#replace(text);
    }
    await this.dropBackup();
  }

  /** Somebody else's entry that ours was forced over. */
  async replacedEntry(): Promise<Fields | undefined> {
    try {
      const entry = valueAt(
        this.#editor.parse(bare((await this.#kept()) ?? ""), this.place.keyPath),
        this.place.keyPath,
      );
      return entry === undefined || this.#isOurs(entry) ? undefined : (entry as Fields);
    } catch {
      return undefined;
    }
  }

  async #kept(): Promise<string | undefined> {
    return await readText(this.backupPath).catch(() => undefined);
  }

  /** Whether `earlier` with our entry is what the file is now. */
  #explains(earlier: string): boolean {
    if (this.entry === undefined) return false;
    try {
      const before = valueAt(
        this.#editor.parse(bare(earlier), this.place.keyPath),
        this.place.keyPath,
      );
      if (before !== undefined && this.#isOurs(before)) return false;
      return this.#written(earlier, this.entry as Fields) === this.#text;
    } catch {
      return false;
    }
  }

  #written(text: string, entry: Fields): string {
    return this.#understood(
      () => mark(text) + this.#editor.write(bare(text), this.place.keyPath, entry),
    );
  }

  /** An edit that changed anything but the entry is a mistake, and is never written. */
  async #require(text: string, entry: Fields | undefined): Promise<void> {
    const { keyPath } = this.place;
    let isRight = false;
    try {
      const after = this.#editor.parse(bare(text));
      isRight =
        meansTheSame(valueAt(after, keyPath), entry) &&
        meansTheSame(without(after, keyPath), without(this.content, keyPath));
    } catch (error) {
      if (!(error instanceof SyntaxTrouble)) throw error;
    }
    if (isRight) return;
    throw new PyroError(
      "host_config_conflict",
      `${this.place.path} is written in a way in which "${keyPath.join(".")}" cannot be changed alone.`,
      { hint: "Edit the file by hand; pyro host print-config shows the entry." },
    );
  }

  async #replace(text: string): Promise<void> {
    const { path } = this.place;
    await this.#requireUnchanged();
    await unlessRefused(path, async () => {
      const target = await targetOf(path);
      // What a link points at is the user's to make.
      if (target === path) await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await replaceFile(target, text, this.exists ? await modeOf(target) : 0o600);
    });
  }

  async #requireUnchanged(): Promise<void> {
    const { path } = this.place;
    const now = await readText(path);
    if (now === (this.exists ? this.#text : undefined)) return;
    throw new PyroError("host_config_conflict", `${path} was changed by somebody else just now.`, {
      hint: "Try again.",
    });
  }

  #understood<Result>(read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SyntaxTrouble)) throw error;
      throw new PyroError(
        "host_config_unreadable",
        `${this.place.path}, line ${error.line}: ${visibleText(error.message)}.`,
        { hint: "Mend the file by hand; pyro wrote nothing.", cause: error },
      );
    }
  }
}

function mark(text: string): string {
  return text.startsWith(byteOrderMark) ? byteOrderMark : "";
}

function bare(text: string): string {
  return text.slice(mark(text).length);
}

/** Without the entry, and without the parents that nothing else is in. */
function without(value: unknown, [key = "", ...rest]: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return value;
  const { [key]: inner, ...others } = value as Record<string, unknown>;
  const left = rest.length === 0 ? undefined : without(inner, rest);
  const isEmpty = left === undefined || meansTheSame(left, {});
  return isEmpty ? others : { ...others, [key]: left };
}

/** The text of a file; undefined when there is none. */
async function readText(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > bytesMax) throw unreadable(path, "is larger than 64 MiB");
    const bytes = await readFile(path);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT") return undefined;
    if (error instanceof PyroError) throw error;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") throw unreadable(path, "is not UTF-8", error);
    throw unreadable(path, `cannot be read (${code ?? "unknown"})`, error);
  }
}

function unreadable(path: string, why: string, cause?: unknown): PyroError {
  return new PyroError("host_config_unreadable", `${path} ${why}.`, {
    hint: "Mend the file by hand; pyro wrote nothing.",
    cause,
  });
}

/** The file behind a link, even one that does not exist yet. */
async function targetOf(path: string): Promise<string> {
  const info = await lstat(path).catch(() => undefined);
  if (info?.isSymbolicLink() !== true) return path;
  return await realpath(path).catch(async () => resolve(dirname(path), await readlink(path)));
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

/** The whole file or nothing, with the owner of the one before. */
async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await unlessRefused(path, async () => {
    const owner = await stat(path).catch(() => undefined);
    await fillFileAtomically(path, mode, async (file) => {
      await file.writeFile(text);
      await takeOver(file, mode, owner);
      await file.sync();
    });
  });
}

async function takeOver(
  file: FileHandle,
  mode: number,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): Promise<void> {
  if (owner !== undefined && process.getuid?.() === 0) await file.chown(owner.uid, owner.gid);
  await file.chmod(mode);
}

async function unlessRefused(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined || error instanceof PyroError) throw error;
    throw new PyroError("host_config_unwritable", `${path} cannot be written (${code}).`, {
      hint: "Nothing was changed. Mend its permissions, or add the entry by hand: pyro host print-config",
      cause: error,
    });
  }
}
