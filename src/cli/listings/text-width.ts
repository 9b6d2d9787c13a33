/** Scripts and symbols that terminals draw over two columns. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const combining = /^\p{Mark}$/u;

/** Columns that safe one-line text takes on a terminal. */
export function textWidth(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (combining.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

/** `text` in at most `width` columns; what had to be cut ends with a mark. */
export function fitWidth(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  return width < 1 ? "" : `${taken([...text], width - 1).join("")}…`;
}

/** As `fitWidth`, but the end stays and the mark is at the beginning. */
export function fitWidthEnd(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const end = taken([...text].reverse(), width - 1).reverse();
  return width < 1 ? "" : `…${end.join("")}`;
}

/** As many characters from the beginning as fit. */
function taken(characters: readonly string[], width: number): string[] {
  let left = width;
  const end = characters.findIndex((character) => {
    left -= characterWidth(character);
    return left < 0;
  });
  return characters.slice(0, end < 0 ? characters.length : end);
}

/** `text` followed by spaces up to `width` columns. */
export function padWidth(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}
