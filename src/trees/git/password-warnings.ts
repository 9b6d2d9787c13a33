import { visibleText } from "../../model/text.ts";

const namedMax = 10;

/** Passwords and tokens in a repository's configuration, which a copy has as well; none is quoted. */
export function passwordWarnings(config: ReadonlyMap<string, string>): string[] {
  const found = new Set<string>();
  for (const [key, value] of config) {
    if (hasPassword(value) || hasPassword(key)) found.add(shown(key));
    if (/^http\..*\.?extraheader$/.test(key) && /authorization/i.test(value)) found.add(shown(key));
  }
  return [...found]
    .slice(0, namedMax)
    .map(
      (key) =>
        `its configuration has a password or token in ${key}, which comes along: take it out, and set it up in the guest by other means.`,
    );
}

/** In a URL, as `user:password@` or as a token that takes the place of the user's name. */
function hasPassword(text: string): boolean {
  return /https?:\/\/(?:[^/@\s]*:[^/@\s]+|[^/@:\s]{20,})@/i.test(text);
}

function shown(key: string): string {
  return visibleText(key.replace(/(https?:\/\/)[^/@\s]*@/gi, "$1"), 80);
}
