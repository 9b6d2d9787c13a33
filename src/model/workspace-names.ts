import { randomBytes } from "node:crypto";
import { PyroError } from "./errors.ts";
import { limits } from "./limits.ts";

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** What has an id: a VM is a workspace that nobody looks after, with no name, and with an end. */
export type WorkspaceKind = "workspace" | "vm";

/** What the ids of each kind begin with. */
export const idPrefixes: Readonly<Record<WorkspaceKind, string>> = { workspace: "ws-", vm: "vm-" };

export function newId(kind: WorkspaceKind): string {
  return idPrefixes[kind] + randomBytes(6).toString("hex");
}

/** Whether `text` can be the id of one of that kind. */
export function isId(text: string, kind: WorkspaceKind): boolean {
  return text.startsWith(idPrefixes[kind]) && /^[a-z]+-[0-9a-f]{12}$/.test(text);
}

/** Of an id. */
export function kindOf(id: string): WorkspaceKind {
  return id.startsWith(idPrefixes.vm) ? "vm" : "workspace";
}

/** A name that is another workspace's id would make that id ambiguous. */
const idPattern = /^(ws|vm)-/;
const labelKeyPattern = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,126}$/;

/** `name` if a workspace or snapshot can have it; else `invalid_argument`. */
export function checkName(name: string, what: "workspace" | "snapshot" | "service"): string {
  if (what === "workspace" && idPattern.test(name))
    throw new PyroError(
      "invalid_argument",
      `"${name}" looks like an id, not like the name of a workspace.`,
      {
        hint: "Choose one that does not begin with ws- or vm-.",
      },
    );
  if (namePattern.test(name)) return name;
  throw new PyroError("invalid_argument", `"${name}" cannot be the name of a ${what}.`, {
    hint: "Use letters, digits, '.', '_' and '-', beginning with a letter or digit; 63 at most.",
  });
}

/** The labels if a workspace can have them; else `invalid_argument`. */
export function checkLabels(
  labels: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const entries = Object.entries(labels);
  if (entries.length > limits.labelCountMax)
    throw new PyroError(
      "invalid_argument",
      `There are ${entries.length} labels; ${limits.labelCountMax} are the limit.`,
    );
  for (const [key, value] of entries) {
    if (!labelKeyPattern.test(key))
      throw new PyroError("invalid_argument", `"${key}" cannot be the key of a label.`, {
        hint: "Use letters, digits, '.', '_', '/' and '-', beginning with a letter or digit.",
      });
    if (Buffer.byteLength(value) > limits.labelBytesMax)
      throw new PyroError(
        "invalid_argument",
        `The label "${key}" has more than ${limits.labelBytesMax} bytes.`,
      );
  }
  return labels;
}
