import type { ValueCommand } from "../../../model/credentials.ts";
import { PyroError } from "../../../model/errors.ts";
import { limits } from "../../../model/limits.ts";
import { startTool } from "../../../platform/tools.ts";

const deadlineMs = 30_000;
/** The line is in no command line of a process, which everybody on the host can read. */
const script = 'line=$PYRO_CREDENTIAL_COMMAND; unset PYRO_CREDENTIAL_COMMAND; eval "$line"';

/** What the command prints, without the line break at its end. Throws `credential_unavailable`, which quotes nothing of it. */
export async function runCredentialCommand(
  name: string,
  { line, env }: Pick<ValueCommand, "line" | "env">,
): Promise<string> {
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    const tool = startTool("sh", ["-c", script], {
      packageName: "dash",
      signal,
      ownGroup: true,
      env: { ...env, PYRO_CREDENTIAL_COMMAND: line },
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of tool.stdout as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes <= limits.secretBytesMax + 1) chunks.push(chunk);
    }
    await tool.done;
    if (bytes > limits.secretBytesMax + 1) throw unavailable(name, "printed too much");
    return checked(
      name,
      Buffer.concat(chunks)
        .toString("latin1")
        .replace(/\r?\n$/, ""),
    );
  } catch (error) {
    if (error instanceof PyroError && error.code === "credential_unavailable") throw error;
    throw unavailable(
      name,
      signal.aborted ? `did not end within ${deadlineMs / 1000} s` : "failed",
    );
  }
}

function checked(name: string, value: string): string {
  if (value.length < limits.secretBytesMin)
    throw unavailable(name, value === "" ? "printed nothing" : "printed too little for a secret");
  if (/^[\x20-\x7e]+$/.test(value)) return value;
  throw unavailable(name, "printed more than one line, or what no request can carry");
}

function unavailable(name: string, how: string): PyroError {
  return new PyroError("credential_unavailable", `The command of the credential ${name} ${how}.`, {
    hint: "Run it yourself: it has to print the value and nothing else, and to ask for nothing.",
  });
}
