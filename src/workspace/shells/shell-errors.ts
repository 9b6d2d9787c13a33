import type { ShellOpening } from "../../channel/shell-client.ts";
import { type ErrorCode, PyroError } from "../../model/errors.ts";
import { limits } from "../../model/limits.ts";
import { wholeNumber } from "../../model/machine-options.ts";
import type { ShellQuestion } from "../../model/shell-reading.ts";

type NotOpened = Extract<ShellOpening, { kind: "not_started" }>;

/** A shell's program that did not start is no shell, other than a command that failed. */
export function notOpened(
  { reason, message }: NotOpened,
  command: readonly string[] = [],
): PyroError {
  const codes: Partial<Record<NotOpened["reason"], ErrorCode>> = {
    command_not_found: "command_not_found",
    no_space: "guest_no_space",
  };
  const why = message === "" ? reason.replaceAll("_", " ") : message;
  return new PyroError(
    codes[reason] ?? "guest_exec_failed",
    `The shell did not start: ${why}.`,
    command.length === 0 ? {} : { hint: "Name a program of the workspace, after --." },
  );
}

const textBytesMax = 4096;

/** Throws unless a shell can be read so. */
export function checkReading(question: Omit<ShellQuestion, "shellId">): void {
  const { cursor, maxChars, idleMs, text } = question;
  wholeNumber({ name: "cursor", value: cursor, min: 0, max: Number.MAX_SAFE_INTEGER });
  wholeNumber({ name: "maxChars", value: maxChars, min: 1, max: limits.shellReadCharsMax });
  if (idleMs !== undefined)
    wholeNumber({ name: "waitForIdleMs", value: idleMs, min: 1, max: 3_600_000 });
  if (text === undefined) return;
  if (text !== "" && Buffer.byteLength(text) <= textBytesMax) return;
  throw new PyroError(
    "invalid_argument",
    `The text to wait for has ${Buffer.byteLength(text)} bytes, but must have 1 to ${textBytesMax}.`,
  );
}

export function checkInput({ length }: Buffer): void {
  if (length <= limits.shellInputBytesMax) return;
  throw new PyroError(
    "invalid_argument",
    `The input has ${length} bytes; ${limits.shellInputBytesMax} are the limit.`,
    { hint: "Write it into a file of the workspace: pyro workspace file write" },
  );
}

export function notReading(shellId: string, taken: number, length: number): PyroError {
  return new PyroError(
    "shell_not_reading",
    `The shell ${shellId} took ${taken} of ${length} bytes: its program reads nothing.`,
    { hint: "See what it does, or end what is in the foreground: pyro workspace shell signal" },
  );
}
