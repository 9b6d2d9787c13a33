import { randomInt } from "node:crypto";
import { credentialDefaults } from "../../model/credentials.ts";
import { PyroError } from "../../model/errors.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Nobody meets one by chance, and what is random in it is found by nobody who tries. */
const randomCharactersMin = 22;
const charactersMax = 512;
/** Such text is the same in a header, a URL, JSON and a variable. */
const shape = /^(?:[A-Za-z0-9._-]|\{\d{1,3}\})+$/;

/** Text of the pattern's shape that nobody else has. Throws `invalid_argument`. */
export function newPlaceholder(
  name: string,
  pattern: string = credentialDefaults.placeholder,
): string {
  const refuse = (how: string, hint: string) =>
    new PyroError(
      "invalid_argument",
      `The placeholder ${JSON.stringify(pattern)} of the credential ${name} ${how}.`,
      { hint },
    );
  if (!shape.test(pattern))
    throw refuse(
      "has other characters than letters, digits, '.', '_' and '-'",
      "Write what never changes as it is, and {N} for N random letters and digits: ghp_{36}",
    );
  const counts = [...pattern.matchAll(/\{(\d+)\}/g)].map(([, count]) => Number(count));
  const random = counts.reduce((sum, count) => sum + count, 0);
  if (random < randomCharactersMin)
    throw refuse(
      `has ${random} random characters; ${randomCharactersMin} are the least`,
      "Write {N} for N random letters and digits: ghp_{36}",
    );
  const text = pattern.replace(/\{(\d+)\}/g, (_, count: string) => randomText(Number(count)));
  if (text.length <= charactersMax) return text;
  throw refuse(`has ${text.length} characters; ${charactersMax} are the limit`, "Shorten it.");
}

function randomText(count: number): string {
  return Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)]).join("");
}
