import { createReadStream } from "node:fs";
import { PyroError, systemErrorCode, visibleText } from "../index.ts";
import type { IO } from "./io.ts";
import { formatBytes } from "./printer.ts";

/** More is not a text that somebody writes into a workspace; `sync push` takes larger things. */
const inputBytesMax = 64 * 1024 * 1024;

export interface InputOptions {
  /** The option that takes the text itself; with `-file` it takes a file. */
  readonly option: string;
  readonly text: string | undefined;
  /** A path, or `-` for standard input. */
  readonly file: string | undefined;
}

/** What the caller gave as text, in a file or on standard input. */
export async function readInput(
  io: IO,
  { option, text, file }: InputOptions,
): Promise<string | Uint8Array> {
  if (text !== undefined) return text;
  if (file === undefined)
    throw new PyroError("invalid_argument", `Neither ${option} nor ${option}-file is given.`, {
      hint: `Give ${option} TEXT, or ${option}-file FILE, where - is standard input.`,
    });
  try {
    return await readAll(file === "-" ? io.stdin : createReadStream(file), file);
  } catch (error) {
    if (error instanceof PyroError) throw error;
    throw new PyroError(
      "invalid_argument",
      `${option}-file "${visibleText(file)}" cannot be read (${systemErrorCode(error) ?? "unknown"}).`,
      { cause: error },
    );
  }
}

async function readAll(stream: AsyncIterable<unknown>, name: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const part = Buffer.from(chunk as Uint8Array);
    bytes += part.length;
    if (bytes > inputBytesMax)
      throw new PyroError(
        "invalid_argument",
        `${name === "-" ? "Standard input" : `"${visibleText(name)}"`} is longer than ${formatBytes(inputBytesMax)}.`,
        { hint: "Large content goes in with: pyro workspace sync push" },
      );
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}
