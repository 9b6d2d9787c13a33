import { visibleText } from "../../index.ts";

/** Program and arguments as a person would type them in a shell, on one safe line. */
export function commandText(command: readonly string[], lengthMax = 200): string {
  return visibleText(command.map(shellWord).join(" "), lengthMax);
}

function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (word.includes("'") && !/["$`\\!]/.test(word)) return `"${word}"`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
