import { isUtf8 } from "node:buffer";
import { displayPath } from "../model/byte-path.ts";
import { PyroError } from "../model/errors.ts";
import type { BytePath, TreeEntry } from "../model/tree.ts";
import type { WorkspaceFile, WorkspaceFileContent } from "../model/workspace-results.ts";
import { decodeScan } from "./decode-tree.ts";
import type { TreeLimits } from "./tree-checks.ts";

/** A list is held in memory. */
const listLimits: TreeLimits = {
  entriesMax: 110_000,
  nameBytesMax: 8 * 1024 * 1024,
  tooMuch: (what) =>
    new PyroError("invalid_argument", `There is too much for a list: ${what}.`, {
      hint: "List a directory of it, or without what is below.",
    }),
};

/** What a scan tells, in the order of names; `shownPath` says what an entry's path is to people. */
export async function listFiles(
  scan: AsyncIterable<Buffer>,
  shownPath: (path: BytePath) => string,
): Promise<WorkspaceFile[]> {
  const files: WorkspaceFile[] = [];
  for await (const entry of decodeScan(scan, listLimits))
    files.push(describeEntry(entry, shownPath(entry.path)));
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function describeEntry(entry: TreeEntry, path: string): WorkspaceFile {
  return {
    path,
    type: fileType(entry.type),
    size: entry.size,
    mode: modeText(entry.mode),
    modifiedAt: timeText(entry.mtimeNs),
    linkTarget: entry.type === "symlink" ? displayPath(entry.target, 4096) : null,
  };
}

/** The kinds of entry that people tell apart. */
export function fileType(type: TreeEntry["type"] | null): WorkspaceFile["type"] {
  switch (type) {
    case "file":
    case "hardlink":
      return "file";
    case "directory":
    case "symlink":
      return type;
    default:
      return "other";
  }
}

const modeText = shared((mode: number) => mode.toString(8).padStart(4, "0"));

/** A time as text; a guest may claim one that is no date. */
const timeText = shared((mtimeNs: bigint) => {
  const date = new Date(Number(mtimeNs / 1_000_000n));
  return Number.isNaN(date.getTime()) ? "unknown" : date.toISOString();
});

/** Gives neighbours that have the same text one copy of it, as a list of files may be long. */
function shared<Value>(describe: (value: Value) => string): (value: Value) => string {
  let last: Value | undefined;
  let text = "";
  return (value) => {
    if (value !== last) text = describe(value);
    last = value;
    return text;
  };
}

/** The beginning of a file, which has `size` bytes. */
export function describeContent(
  content: Buffer,
  size: number,
): Omit<WorkspaceFileContent, "workspaceId" | "path"> {
  return {
    size,
    text: content.toString("utf8"),
    base64: isUtf8(content) ? null : content.toString("base64"),
    truncated: content.length < size,
  };
}
