import { visibleText } from "../model/text.ts";
import type { BytePath } from "../model/tree.ts";
import { type FileDiff, type FileDiffOptions, fileDiffs } from "./file-diff.ts";
import { quoteName } from "./git-names.ts";
import type { TreeChange } from "./tree-change.ts";

export interface FileStat {
  readonly path: BytePath;
  /** Only for a rename. */
  readonly oldPath?: BytePath;
  /** Lines; 0 for binary and too large files. */
  readonly insertions: number;
  readonly deletions: number;
  /** Bytes before and after, for files that have no lines to count; null for text. */
  readonly bytes: { readonly before: number; readonly after: number } | null;
}

export interface DiffStat {
  readonly files: readonly FileStat[];
  readonly insertions: number;
  readonly deletions: number;
}

/** Counts what `fileDiffs` finds; reads the contents of all changed files that are small enough. */
export async function computeDiffStat(
  changes: Iterable<TreeChange>,
  options: FileDiffOptions,
): Promise<DiffStat> {
  const stats: FileStat[] = [];
  for await (const diff of fileDiffs(changes, options)) stats.push(statOf(diff));
  return totalStat(stats);
}

/** The sums of `stats`; the two halves of a change of type become one. */
export function totalStat(stats: Iterable<FileStat>): DiffStat {
  const byPath = new Map<BytePath, FileStat>();
  let insertions = 0;
  let deletions = 0;
  for (const stat of stats) {
    const other = byPath.get(stat.path);
    byPath.set(stat.path, other ? mergeStats(other, stat) : stat);
    insertions += stat.insertions;
    deletions += stat.deletions;
  }
  return { files: [...byPath.values()], insertions, deletions };
}

export function statOf({ change, body, old, now }: FileDiff): FileStat {
  const names = { path: change.path, ...(change.oldPath ? { oldPath: change.oldPath } : {}) };
  if (body.kind === "none") return { ...names, insertions: 0, deletions: 0, bytes: null };
  if (body.kind !== "text") {
    const bytes = { before: old?.sizeBytes ?? 0, after: now?.sizeBytes ?? 0 };
    return { ...names, insertions: 0, deletions: 0, bytes };
  }
  let insertions = 0;
  let deletions = 0;
  for (const region of body.regions) {
    insertions += region.newEnd - region.newStart;
    deletions += region.oldEnd - region.oldStart;
  }
  return { ...names, insertions, deletions, bytes: null };
}

function mergeStats(left: FileStat, right: FileStat): FileStat {
  const bytes =
    left.bytes || right.bytes
      ? {
          before: (left.bytes?.before ?? 0) + (right.bytes?.before ?? 0),
          after: (left.bytes?.after ?? 0) + (right.bytes?.after ?? 0),
        }
      : null;
  return {
    ...left,
    insertions: left.insertions + right.insertions,
    deletions: left.deletions + right.deletions,
    bytes,
  };
}

/** The table of `git diff --stat`, laid out as git does for a terminal `width` columns wide. */
export function renderDiffStat({ files, insertions, deletions }: DiffStat, width = 80): string {
  if (files.length === 0) return "";
  const layout = layOut(files, width);
  const rows = files.map((file) => renderRow(file, layout));
  return `${rows.join("\n")}\n${summaryLine(files.length, insertions, deletions)}\n`;
}

interface Layout {
  readonly nameWidth: number;
  readonly countWidth: number;
  readonly barWidth: number;
  /** The most lines changed in one file. */
  readonly largest: number;
}

function layOut(files: readonly FileStat[], width: number): Layout {
  let [longest, largest, bytesWidth, countWidth] = [0, 0, 0, 1];
  for (const file of files) {
    longest = Math.max(longest, nameInTable(file).length);
    if (file.bytes) {
      const digits = String(file.bytes.before).length + String(file.bytes.after).length;
      bytesWidth = Math.max(bytesWidth, 14 + digits);
      countWidth = Math.max(countWidth, 3);
    } else largest = Math.max(largest, file.insertions + file.deletions);
  }
  countWidth = Math.max(countWidth, String(largest).length);
  const room = Math.max(width, 16 + 6 + countWidth) - countWidth - 6;
  const wanted = Math.max(largest, bytesWidth - 4);
  if (longest + wanted <= room)
    return { nameWidth: longest, countWidth, barWidth: wanted, largest };
  const share = Math.max(6, Math.floor((width * 3) / 8) - countWidth - 6);
  const nameWidth = Math.min(longest, room - Math.min(wanted, share));
  const barWidth = longest > nameWidth ? Math.min(wanted, share) : room - nameWidth;
  return { nameWidth, countWidth, barWidth, largest };
}

function renderRow(file: FileStat, layout: Layout): string {
  const name = cutFront(nameInTable(file), layout.nameWidth).padEnd(layout.nameWidth);
  const { bytes, insertions, deletions } = file;
  if (bytes)
    return ` ${name} | ${"Bin".padStart(layout.countWidth)} ${bytes.before} -> ${bytes.after} bytes`;
  const bar = barOf(file, layout);
  const count = String(insertions + deletions).padStart(layout.countWidth);
  return ` ${name} | ${count}${bar && ` ${bar}`}`;
}

/** For example " 3 files changed, 4 insertions(+), 1 deletion(-)". */
export function summaryLine(fileCount: number, insertions: number, deletions: number): string {
  const parts = [counted(fileCount, "file", " changed")];
  if (insertions > 0 || deletions === 0) parts.push(counted(insertions, "insertion", "(+)"));
  if (deletions > 0 || insertions === 0) parts.push(counted(deletions, "deletion", "(-)"));
  return ` ${parts.join(", ")}`;
}

function counted(count: number, noun: string, rest: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}${rest}`;
}

/** A rename with the directories that both places share written once: `src/{a => b}/file`. */
function nameInTable({ path, oldPath }: FileStat): string {
  if (oldPath === undefined) return displayName(path);
  const [old, now] = [displayName(oldPath), displayName(path)];
  if (old.startsWith('"') || now.startsWith('"')) return `${old} => ${now}`;
  const shared = sharedLength(old, now);
  const prefixLength = now.slice(0, shared).lastIndexOf("/") + 1;
  const rest = [old, now].map((name) => [...name.slice(Math.max(0, prefixLength - 1))].reverse());
  const sharedEnd = sharedLength(rest[0] ?? [], rest[1] ?? []);
  const suffixLength = (rest[1] ?? []).slice(0, sharedEnd).lastIndexOf("/") + 1;
  if (prefixLength + suffixLength === 0) return `${old} => ${now}`;
  const middle = (name: string): string => name.slice(prefixLength, name.length - suffixLength);
  const suffix = now.slice(now.length - suffixLength);
  return `${now.slice(0, prefixLength)}{${middle(old)} => ${middle(now)}}${suffix}`;
}

function sharedLength(left: ArrayLike<string>, right: ArrayLike<string>): number {
  const most = Math.min(left.length, right.length);
  let length = 0;
  while (length < most && left[length] === right[length]) length += 1;
  return length;
}

/** A path for people: as git quotes it when that is needed, with UTF-8 left readable. */
export function displayName(path: BytePath): string {
  const text = Buffer.from(path, "latin1").toString("utf8");
  const isSafe = !text.includes("\ufffd") && visibleText(text, text.length) === text;
  return isSafe && !/["\\]/.test(text) ? text : quoteName(path);
}

/** The end of a name, from a directory on where there is one. */
function cutFront(name: string, width: number): string {
  if (name.length <= width) return name;
  const end = name.slice(name.length - width + 3);
  return `...${end.slice(Math.max(0, end.indexOf("/")))}`;
}

function barOf({ insertions, deletions }: FileStat, { barWidth, largest }: Layout): string {
  if (largest < barWidth) return "+".repeat(insertions) + "-".repeat(deletions);
  const scale = (count: number): number =>
    count === 0 ? 0 : 1 + Math.floor((count * (barWidth - 1)) / largest);
  const total = Math.max(scale(insertions + deletions), insertions > 0 && deletions > 0 ? 2 : 0);
  const plus = insertions < deletions ? scale(insertions) : total - scale(deletions);
  return "+".repeat(plus) + "-".repeat(total - plus);
}
