import type { BytePath } from "../model/tree.ts";
import { renderBinaryPatch } from "./binary-patch.ts";
import { type FileDiff, type FileDiffOptions, type FileSide, fileDiffs } from "./file-diff.ts";
import { quoteName } from "./git-names.ts";
import { noBlobId } from "./git-objects.ts";
import { renderHunks } from "./hunks.ts";
import { patchOmission } from "./patch-omissions.ts";
import type { TreeChange } from "./tree-change.ts";

/** `text` is for reading; `patch` is complete, and `git apply` recreates every file from it. */
export type DiffForm = "text" | "patch";

export interface RenderOptions extends FileDiffOptions {
  /** Default: `text`. */
  readonly form?: DiffForm | undefined;
}

const chunkCharacters = 256 * 1024;

/**
 * The changes in git's format, as the bytes they are; a chunk never holds parts of two files. The form `patch` leaves out what
 * `patchOmission` names.
 */
export async function* renderDiff(
  changes: Iterable<TreeChange>,
  options: RenderOptions,
): AsyncGenerator<Buffer> {
  const form = options.form ?? "text";
  const complete = form === "patch";
  const wanted = complete
    ? [...changes].filter((change) => patchOmission(change)?.isWhole !== true)
    : changes;
  for await (const diff of fileDiffs(wanted, { ...options, complete }))
    yield* renderFileDiff(diff, form);
}

/** One difference in git's format. */
export async function* renderFileDiff(diff: FileDiff, form: DiffForm): AsyncGenerator<Buffer> {
  const header = renderHeader(diff, form);
  const { body } = diff;
  if (body.kind === "none") {
    yield bytesOf(header);
    return;
  }
  const isNamed = body.kind === "binary" || body.kind === "too_large";
  if (isNamed && form === "patch") {
    yield bytesOf(header);
    yield* renderBinaryPatch(diff.old?.content, diff.now?.content);
    return;
  }
  if (isNamed) {
    yield bytesOf(`${header}${differLine(diff)}`);
    return;
  }
  let pending = `${header}${body.regions.length > 0 ? fileLines(diff) : ""}`;
  for (const hunk of renderHunks(body, body.regions)) {
    pending += hunk;
    if (pending.length < chunkCharacters) continue;
    yield bytesOf(pending);
    pending = "";
  }
  if (pending !== "") yield bytesOf(pending);
}

function renderHeader({ old, now, change, body }: FileDiff, form: DiffForm): string {
  const oldPath = old?.path ?? now?.path ?? "";
  const newPath = now?.path ?? oldPath;
  const lines = [`diff --git ${headerName(`a/${oldPath}`)} ${headerName(`b/${newPath}`)}`];
  if (old === null) lines.push(`new file mode ${now?.mode}`);
  else if (now === null) lines.push(`deleted file mode ${old.mode}`);
  else if (old.mode !== now.mode) lines.push(`old mode ${old.mode}`, `new mode ${now.mode}`);
  if (oldPath !== newPath) {
    const similarity = body.kind === "none" ? 100 : Math.min(99, change.similarity ?? 0);
    lines.push(`similarity index ${similarity}%`);
    lines.push(`rename from ${quoteName(oldPath)}`, `rename to ${quoteName(newPath)}`);
  }
  const index = body.kind === "none" ? undefined : indexLine(old, now, form);
  return `${[...lines, ...(index === undefined ? [] : [index])].join("\n")}\n`;
}

/** git reads "x /y" in this line as two names, although it writes it so itself; quotes help. */
function headerName(name: BytePath): string {
  const quoted = quoteName(name);
  return quoted === name && name.includes(" /") ? `"${name}"` : quoted;
}

function indexLine(old: FileSide | null, now: FileSide | null, form: DiffForm): string | undefined {
  const ids = [old, now].map((side) => (side === null ? noBlobId : side.id));
  // Too large to have been read: nobody knows the ids.
  if (ids.includes(undefined)) return undefined;
  // A binary patch applies only with full ids.
  const shown = ids.map((id) => (form === "patch" ? id : id?.slice(0, 7))).join("..");
  return old !== null && old.mode === now?.mode ? `index ${shown} ${old.mode}` : `index ${shown}`;
}

function fileLines({ old, now }: FileDiff): string {
  return `--- ${sideName("a/", old)}${tabAfter(old)}\n+++ ${sideName("b/", now)}${tabAfter(now)}\n`;
}

function sideName(prefix: string, side: { path: BytePath } | null): string {
  return side === null ? "/dev/null" : quoteName(`${prefix}${side.path}`);
}

/** Names with a blank end in a tab, so that no reader takes the rest for a time. */
function tabAfter(side: { path: BytePath } | null): string {
  return side?.path.includes(" ") ? "\t" : "";
}

function differLine({ old, now, body }: FileDiff): string {
  const names = `${sideName("a/", old)} and ${sideName("b/", now)} differ`;
  if (body.kind === "binary") return `Binary files ${names}\n`;
  return `Files ${names}: too large to diff (${old?.sizeBytes ?? 0} -> ${now?.sizeBytes ?? 0} bytes)\n`;
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
