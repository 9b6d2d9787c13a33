/** Control characters, and those that reorder or hide text in a terminal or an editor. */
const unprintable =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Text a stranger chose, made harmless for one line of a message: quoted, visible, cut. */
export function quoteForeign(text: string, charactersMax = 300): string {
  // Cut first: making 4 MiB of control characters visible would be work for nothing.
  const cut = text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
  return `"${cut.replace(unprintable, visible)}"`;
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code <= 0xff
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u{${code.toString(16).padStart(4, "0")}}`;
}
