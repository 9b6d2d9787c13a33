import { randomBytes } from "node:crypto";
import type { ShellClient } from "../../channel/shell-client.ts";
import { asPyroError, PyroError } from "../../model/errors.ts";
import { nearest } from "../../model/nearest.ts";

const idPattern = /^sh-[0-9a-f]{8}$/;

export function newShellId(): string {
  return `sh-${randomBytes(4).toString("hex")}`;
}

/** The whole id of a shell that is named by it or by a beginning of it that no other has. */
export async function wholeShellId(shells: ShellClient, given: string): Promise<string> {
  if (idPattern.test(given)) return given;
  const ids = (await shells.list()).map(({ id }) => id);
  const fitting =
    given === "" ? [] : ids.filter((id) => id.startsWith(given) || id === `sh-${given}`);
  const [only] = fitting;
  if (fitting.length === 1 && only !== undefined) return only;
  if (fitting.length > 1)
    throw new PyroError("shell_not_found", `More than one shell begins with "${given}".`, {
      hint: `They are ${fitting.join(", ")}.`,
    });
  throw notFound(given, ids);
}

/** Does something with a shell; that there is none is told with those there are. */
export async function withShell<T>(
  shells: ShellClient,
  given: string,
  work: (shellId: string) => Promise<T>,
): Promise<T> {
  const shellId = await wholeShellId(shells, given);
  try {
    return await work(shellId);
  } catch (error) {
    if (asPyroError(error).code !== "shell_not_found") throw error;
    throw notFound(
      shellId,
      (await shells.list()).map(({ id }) => id),
    );
  }
}

function notFound(given: string, ids: readonly string[]): PyroError {
  const guess = nearest(given, ids);
  const others = ids.length === 0 ? "It has none." : `It has ${ids.join(", ")}.`;
  return new PyroError("shell_not_found", `The workspace has no shell "${given}".`, {
    hint:
      guess === undefined
        ? `${others} Shells end with a stop or a reset of the workspace.`
        : `Did you mean ${guess}?`,
  });
}
