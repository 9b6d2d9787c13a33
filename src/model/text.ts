/**
 * What could drive a terminal or fool its reader: controls, C1, line and paragraph separators, everything that Unicode lets a
 * font leave out (bidirectional and zero-width characters, fillers, variation selectors, tags), what looks like a blank and is
 * none, annotations, and halves of surrogate pairs.
 */
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u2800\ufff9-\ufffb\p{Default_Ignorable_Code_Point}\p{Surrogate}]/gu;

/** `lines` keeps line feeds and tabs, for the output of commands; `line` escapes them too. */
export type TextLayout = "line" | "lines";

/**
 * Foreign text with everything that could drive a terminal made visible, at most `lengthMax`
 * characters.
 */
export function visibleText(text: string, lengthMax = 200, layout: TextLayout = "line"): string {
  const shown = text
    .slice(0, lengthMax + 1)
    .replace(unsafe, (character) => escapeCharacter(character, layout));
  return shown.length > lengthMax ? `${withoutHalf(shown.slice(0, lengthMax))}…` : shown;
}

/** Text without the characters that some file systems, and most fonts, do not see. */
export function withoutUnseen(text: string): string {
  return text.replace(/\p{Default_Ignorable_Code_Point}/gu, "");
}

/** Without the first half of a pair that a cut has separated from its second. */
function withoutHalf(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, "");
}

function escapeCharacter(character: string, layout: TextLayout): string {
  if (layout === "lines" && (character === "\n" || character === "\t")) return character;
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  if (hex.length > 4) return `\\u{${hex}}`;
  return hex.length > 2 ? `\\u${hex.padStart(4, "0")}` : `\\x${hex.padStart(2, "0")}`;
}

/** JSON that means the same and cannot drive a terminal: the escapes of `JSON.stringify` stop at U+001F. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafe, (character) =>
    character.split("").map(escapeUnit).join(""),
  );
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
