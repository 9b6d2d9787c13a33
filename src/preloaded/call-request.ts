/** A command line, and all that it is run with; see `guest/internal/launch/describe.go`. */
export interface CallRequest {
  readonly secret: string;
  readonly program: string;
  readonly pid: number;
  readonly umask: number;
  readonly directory: string;
  readonly inputKind: "terminal" | "nothing" | "data";
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Of the terminal that output goes to; 0 when it is none. */
  readonly columns: number;
  readonly rows: number;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const version = "1";

/** Undefined for what no launcher of this version says. */
export function parseCallRequest(text: string): CallRequest | undefined {
  const [
    said,
    secret,
    program,
    pid,
    umask,
    directory,
    kind,
    out,
    error,
    columns,
    rows,
    count,
    ...rest
  ] = text.split("\0");
  if (said !== version || secret === undefined || program === undefined) return undefined;
  const inputKind = (["terminal", "nothing", "data"] as const).find((known) => known === kind);
  const numbers = [pid, umask, columns, rows, count].map(Number);
  const [pidNumber = 0, mask = 0, width = 0, height = 0, argumentCount = 0] = numbers;
  if (!numbers.every(Number.isSafeInteger) || argumentCount > rest.length) return undefined;
  if (inputKind === undefined || directory === undefined) return undefined;
  return {
    ...{ secret, program, pid: pidNumber, umask: mask, directory, inputKind },
    ...{ stdoutIsTerminal: out === "1", stderrIsTerminal: error === "1" },
    ...{ columns: width, rows: height, args: rest.slice(0, argumentCount) },
    environment: Object.fromEntries(rest.slice(argumentCount).map(variable)),
  };
}

function variable(text: string): [string, string] {
  const at = text.indexOf("=", 1);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
