import { visibleText, type WorkspaceFile, type WorkspaceFileList } from "../../index.ts";
import type { IO } from "../io.ts";
import { paint, printLine } from "../printer.ts";
import { localTime } from "../time.ts";

const typeLetters: Record<WorkspaceFile["type"], string> = {
  file: "-",
  directory: "d",
  symlink: "l",
  other: "?",
};

/** Mode, size, time and name of each entry, as `ls -l` shows them; names are relative to what was listed. */
export function printFileList(io: IO, { path, entries }: WorkspaceFileList): void {
  const sizeWidth = Math.max(0, ...entries.map(({ size }) => String(size).length));
  for (const entry of entries) {
    const size = String(entry.size).padStart(sizeWidth);
    const modified = localTime(entry.modifiedAt);
    printLine(io, `${modeText(entry)}  ${size}  ${modified}  ${nameText(io, entry, path)}`);
  }
}

function nameText(io: IO, entry: WorkspaceFile, listed: string): string {
  const base = listed.endsWith("/") ? listed : `${listed}/`;
  const name = entry.path.startsWith(base) ? entry.path.slice(base.length) : entry.path;
  const shown = visibleText(name, 1000);
  if (entry.type === "directory") return paint(io, "cyan", `${shown}/`);
  return entry.linkTarget === null ? shown : `${shown} -> ${visibleText(entry.linkTarget, 1000)}`;
}

/** `4755` of a file as `-rwsr-xr-x`. */
function modeText({ type, mode }: WorkspaceFile): string {
  const bits = Number.parseInt(mode, 8);
  const triples = [6, 3, 0].map((shift, at) => {
    const special = (bits >> (11 - at)) & 1;
    return permissions((bits >> shift) & 7, special === 1, at === 2 ? "t" : "s");
  });
  return `${typeLetters[type]}${triples.join("")}`;
}

function permissions(bits: number, isSpecial: boolean, letter: "s" | "t"): string {
  const isExecutable = (bits & 1) === 1;
  const plain = isExecutable ? "x" : "-";
  const special = isExecutable ? letter : letter.toUpperCase();
  return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${isSpecial ? special : plain}`;
}
