import { PyroError } from "../model/errors.ts";
import { visibleText } from "../model/text.ts";

/** Bytes of a patch or a path made readable and harmless, in quotes. */
export function quoteBytes(bytes: string, lengthMax = 120): string {
  // Four bytes a character at most; without the cut a line of megabytes would be decoded.
  const text = Buffer.from(bytes.slice(0, 4 * lengthMax), "latin1").toString("utf8");
  return `"${visibleText(text, lengthMax)}"`;
}

export function malformed(lineNumber: number, problem: string, hint?: string): PyroError {
  return new PyroError("patch_malformed", `Line ${lineNumber} of the patch: ${problem}.`, { hint });
}

export function refused(problem: string, hint?: string): PyroError {
  return new PyroError("patch_refused", `${problem}.`, { hint });
}

export function conflict(problem: string, hint?: string): PyroError {
  return new PyroError("patch_conflict", `${problem}.`, { hint });
}
