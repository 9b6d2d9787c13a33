import { visibleText } from "../../model/text.ts";

/** Text a stranger chose, made harmless for one line of a message: quoted, visible, cut. */
export function quoteForeign(text: string, charactersMax = 300): string {
  return `"${visibleText(text, charactersMax)}"`;
}
