import { visibleText, type WorkspaceChange } from "../../index.ts";
import type { IO } from "../io.ts";
import { type Color, paint } from "../printer.ts";
import { fitWidth, padWidth, textWidth } from "./text-width.ts";

/** The letters of `git status`. */
const kinds: Record<WorkspaceChange["kind"], { readonly letter: string; readonly color: Color }> = {
  added: { letter: "A", color: "green" },
  modified: { letter: "M", color: "yellow" },
  deleted: { letter: "D", color: "red" },
  renamed: { letter: "R", color: "cyan" },
  type_changed: { letter: "T", color: "yellow" },
  mode_changed: { letter: "M", color: "yellow" },
};

type NamedChange = Pick<WorkspaceChange, "path" | "kind" | "oldPath">;

/** `M`, in its colour. */
export function changeLetter(io: IO, { kind }: Pick<NamedChange, "kind">): string {
  return paint(io, kinds[kind].color, kinds[kind].letter);
}

/** `new`, or `old → new` of a renamed file, safe. */
export function changePath({ path, oldPath }: NamedChange): string {
  return oldPath === null
    ? visibleText(path, 1000)
    : `${visibleText(oldPath, 1000)} → ${visibleText(path, 1000)}`;
}

/** One line a changed file with its numbers in a column, at most `width` columns wide. */
export function changeLines(
  io: IO,
  changes: readonly WorkspaceChange[],
  width: number,
): readonly string[] {
  const numbers = changes.map((change) => changeNumbers(io, change));
  const numbersWidth = Math.max(0, ...numbers.map(({ text }) => textWidth(text)));
  const pathRoom = Math.max(10, width - numbersWidth - 4);
  const paths = changes.map((change) => fitWidth(changePath(change), pathRoom));
  const pathWidth = Math.max(0, ...paths.map(textWidth));
  return changes.map((change, at) =>
    `${changeLetter(io, change)} ${padWidth(paths[at] ?? "", pathWidth)}  ${numbers[at]?.painted ?? ""}`.trimEnd(),
  );
}

interface Numbers {
  readonly text: string;
  readonly painted: string;
}

function changeNumbers(io: IO, change: WorkspaceChange): Numbers {
  const { insertions, deletions } = change;
  if (change.isBinary) return { text: "binary", painted: paint(io, "dim", "binary") };
  if (change.kind === "mode_changed") {
    const text = `${visibleText(change.oldMode ?? "?")} → ${visibleText(change.newMode ?? "?")}`;
    return { text, painted: text };
  }
  if (insertions === 0 && deletions === 0) return { text: "", painted: "" };
  const painted = [
    insertions > 0 ? paint(io, "green", `+${insertions}`) : "",
    deletions > 0 ? paint(io, "red", `-${deletions}`) : "",
  ];
  const text = [insertions > 0 ? `+${insertions}` : "", deletions > 0 ? `-${deletions}` : ""];
  return { text: text.filter(Boolean).join(" "), painted: painted.filter(Boolean).join(" ") };
}
