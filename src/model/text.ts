/**
 * What could drive a terminal or fool its reader: controls, C1, invisible and bidirectional
 * characters, tags, and halves of surrogate pairs.
 */
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Surrogate}]/gu;

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
