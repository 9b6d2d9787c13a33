import { createHash } from "node:crypto";
import type { BytePath, EntryType } from "../model/tree.ts";

/** git's id for "nothing here". */
export const noBlobId = "0".repeat(40);

export type GitMode = "100644" | "100755" | "120000";

/** The id git gives a content. */
export function blobId(content: Uint8Array): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

/** The mode git records, or null for what git cannot hold: directories and special files. */
export function gitMode(type: EntryType | null, permissions: number | null): GitMode | null {
  if (type === "symlink") return "120000";
  if (type !== "file") return null;
  return (permissions ?? 0) & 0o100 ? "100755" : "100644";
}

/** A link's content as git sees it: its text. */
export function linkContent(target: BytePath): Buffer {
  return Buffer.from(target, "latin1");
}
