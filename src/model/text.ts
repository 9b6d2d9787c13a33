/** Controls, C1, bidirectional overrides and separators that could drive or fool a terminal. */
const unsafe = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Foreign text on one line, with everything that could drive a terminal made visible, at most `lengthMax` characters. */
export function visibleText(text: string, lengthMax = 200): string {
  const shown = text.slice(0, lengthMax + 1).replace(unsafe, escapeCharacter);
  return shown.length > lengthMax ? `${shown.slice(0, lengthMax)}…` : shown;
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}
