import type { BytePath } from "../../model/tree.ts";

/**
 * The values in a repository's `config`, the last of each key: `core.repositoryformatversion`, `remote.origin.promisor`, all in
 * lower case. What other files it includes is not looked at, as git does not either where it decides on the format.
 */
export function parseConfig(text: BytePath): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let section = "";
  for (const line of text.split("\n")) {
    const header = /^\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (header !== null)
      section = header[2] === undefined ? `${header[1]}.` : `${header[1]}.${header[2]}.`;
    const pair = /^\s*([a-z][a-z0-9-]*)\s*(?:=(.*))?$/i.exec(line.slice(header?.[0].length ?? 0));
    if (pair !== null) values.set(`${section}${pair[1]}`.toLowerCase(), plainValue(pair[2]));
  }
  return values;
}

/** A key without a value is switched on. */
function plainValue(text = "true"): string {
  return text
    .replace(/[#;].*/, "")
    .replaceAll('"', "")
    .trim();
}
