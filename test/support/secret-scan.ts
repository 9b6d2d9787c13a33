import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { filesUnder } from "./oracle.ts";

/** Larger files are read for what they hold as it is, and not as something packed. */
const packedBytesMax = 64 << 20;

const packings = [
  { magic: Buffer.from([0x1f, 0x8b, 0x08]), unpack: gunzipSync },
  { magic: Buffer.from([0x78, 0x9c]), unpack: inflateSync },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), unpack: zstdDecompressSync },
] as const;

/** Where a canary is looked for. */
export interface ScannedPlaces {
  readonly directories: readonly string[];
  /** Files that were not touched since need not be read; milliseconds of the epoch. */
  readonly since: number;
  /** Processes whose command line or environment has one of these are looked at as well. */
  readonly processTraces: readonly string[];
}

/** Finds a canary in all its forms, by means of its own: raw, base64 at each alignment, hexadecimal, as part of a URL, and packed. */
export class SecretScan {
  readonly #forms: readonly Buffer[];

  constructor(canaries: readonly string[]) {
    this.#forms = canaries.flatMap(formsOf);
  }

  /** Whether `bytes` show a canary, as they are or unpacked. */
  finds(bytes: Buffer): boolean {
    return this.#hasForm(bytes) || this.#isPackedIn(bytes);
  }

  /** Every place that shows a canary. */
  async places({ directories, since, processTraces }: ScannedPlaces): Promise<string[]> {
    const found: string[] = [];
    for (const directory of directories)
      for (const name of filesUnder(directory))
        if (await this.#isInFile(join(directory, name), since)) found.push(name);
    return [...found, ...this.#processes(processTraces)].sort();
  }

  #hasForm(bytes: Buffer): boolean {
    return this.#forms.some((form) => bytes.includes(form));
  }

  #isPackedIn(bytes: Buffer): boolean {
    return packings.some(({ magic, unpack }) => {
      for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1))
        if (this.#hasForm(unpacked(bytes.subarray(at), unpack))) return true;
      return false;
    });
  }

  async #isInFile(path: string, since: number): Promise<boolean> {
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (!status?.isFile() || Math.max(status.mtimeMs, status.ctimeMs) < since) return false;
    // Closing a database that this process has open as well would give up its locks.
    const isDatabase = /\.sqlite(-wal|-shm)?$|lock$/.test(path);
    if (status.size <= packedBytesMax && !isDatabase) return this.finds(readFileSync(path));
    return this.#isInSparse(path);
  }

  /** A disk is mostly holes, which tar passes by. */
  async #isInSparse(path: string): Promise<boolean> {
    const longest = Math.max(...this.#forms.map((form) => form.length));
    const tar = spawn("tar", ["-S", "-cf", "-", "-C", "/", path.slice(1)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = once(tar, "close");
    let tail = Buffer.alloc(0);
    let isFound = false;
    for await (const chunk of tar.stdout as AsyncIterable<Buffer>) {
      const bytes = Buffer.concat([tail, chunk]);
      isFound ||= this.#hasForm(bytes);
      tail = bytes.subarray(Math.max(0, bytes.length - longest));
    }
    const [code] = await closed;
    // 1: it changed while it was read.
    assert.ok(code === 0 || code === 1, `tar ended with ${code}`);
    return isFound;
  }

  #processes(traces: readonly string[]): string[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .flatMap((pid) => {
        const files = ["cmdline", "environ"].map((file) => join("/proc", pid, file));
        const texts = files.map(readIfThere);
        const isOurs = traces.some((trace) => texts.some((text) => text.includes(trace)));
        return isOurs ? files.filter((_, index) => this.#hasForm(texts[index] as Buffer)) : [];
      });
  }
}

function formsOf(canary: string): Buffer[] {
  const bytes = Buffer.from(canary);
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    // Without the characters that hold bits of what stands around it.
    const core = text.slice(
      before === 0 ? 0 : before + 1,
      Math.floor(((before + bytes.length) * 4) / 3),
    );
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const hex = bytes.toString("hex");
  const texts = [canary, ...inBase64, hex, hex.toUpperCase(), encodeURIComponent(canary)];
  return texts.map((text) => Buffer.from(text));
}

function unpacked(bytes: Buffer, unpack: (bytes: Buffer) => Buffer): Buffer {
  try {
    return unpack(bytes);
  } catch {
    // It only looked packed.
    return Buffer.alloc(0);
  }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
