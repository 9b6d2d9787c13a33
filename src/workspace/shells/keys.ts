import { PyroError } from "../../model/errors.ts";
import { nearest } from "../../model/nearest.ts";

const esc = "\u001b";

/** Keys that are one character. */
const characters: Readonly<Record<string, string>> = {
  enter: "\r",
  tab: "\t",
  esc,
  escape: esc,
  space: " ",
  backspace: "\u007f",
};

/** Keys that end in a letter, and change with the terminal's cursor mode. */
const lettered: Readonly<Record<string, string>> = {
  up: "A",
  down: "B",
  right: "C",
  left: "D",
  home: "H",
  end: "F",
};

/** Function keys that end in a letter, whatever the mode. */
const functions: Readonly<Record<string, string>> = { f1: "P", f2: "Q", f3: "R", f4: "S" };

/** Keys that are a number and a tilde. */
const numbered: Readonly<Record<string, number>> = {
  insert: 2,
  delete: 3,
  pageup: 5,
  pagedown: 6,
  f5: 15,
  f6: 17,
  f7: 18,
  f8: 19,
  f9: 20,
  f10: 21,
  f11: 23,
  f12: 24,
};

const modifiers: Readonly<Record<string, number>> = { shift: 1, alt: 2, ctrl: 4 };

const names = [characters, lettered, functions, numbered].flatMap((keys) => Object.keys(keys));

/** Whether what a key sends depends on what the program asked its terminal for. */
export function dependsOnMode(key: string): boolean {
  return Object.hasOwn(lettered, key.toLowerCase());
}

/** What a terminal sends for a key, such as `up`, `ctrl-c`, `alt-x` or `shift-f5`. */
export function keyBytes(
  key: string,
  { applicationCursor }: { applicationCursor: boolean },
): string {
  const isDash = key === "-" || key.endsWith("--");
  const parts = (isDash ? key.slice(0, -1) : key).split("-");
  const name = isDash ? "-" : (parts.at(-1) ?? "");
  const held = parts.slice(0, -1).map((part) => part.toLowerCase());
  const unknown = held.find((part) => !Object.hasOwn(modifiers, part));
  if (unknown !== undefined || name === "") throw noSuchKey(key);
  const modifier = held.reduce((sum, part) => sum | (modifiers[part] ?? 0), 0);
  const bytes =
    namedKey(name.toLowerCase(), modifier, applicationCursor) ?? plainKey(name, modifier);
  if (bytes === undefined) throw noSuchKey(key);
  return bytes;
}

function namedKey(name: string, modifier: number, applicationCursor: boolean): string | undefined {
  const held = modifier === 0 ? "" : `;${modifier + 1}`;
  const number = own(numbered, name);
  if (number !== undefined) return `${esc}[${number}${held}~`;
  const letter = own(lettered, name) ?? own(functions, name);
  if (letter === undefined) return characterKey(name, modifier);
  if (held !== "") return `${esc}[1${held}${letter}`;
  const isShort = applicationCursor || Object.hasOwn(functions, name);
  return `${esc}${isShort ? "O" : "["}${letter}`;
}

function characterKey(name: string, modifier: number): string | undefined {
  const character = own(characters, name);
  if (character === undefined) return undefined;
  if (name === "space") return plainKey(character, modifier);
  if (name === "tab" && modifier === modifiers.shift) return `${esc}[Z`;
  if (modifier === modifiers.alt) return `${esc}${character}`;
  return modifier === 0 ? character : undefined;
}

/** A single character, with Ctrl and Alt as terminals send them; Shift is in the character itself. */
function plainKey(name: string, modifier: number): string | undefined {
  if ([...name].length !== 1 || modifier & (modifiers.shift ?? 0)) return undefined;
  const character = modifier & (modifiers.ctrl ?? 0) ? controlOf(name) : name;
  if (character === undefined) return undefined;
  return modifier & (modifiers.alt ?? 0) ? `${esc}${character}` : character;
}

function controlOf(character: string): string | undefined {
  if (character === " ") return "\0";
  if (character === "?") return "\u007f";
  const code = character.toUpperCase().charCodeAt(0);
  return code >= 0x40 && code <= 0x5f ? String.fromCharCode(code - 0x40) : undefined;
}

function own<T>(keys: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(keys, name) ? keys[name] : undefined;
}

function noSuchKey(key: string): PyroError {
  const guess = nearest(key.toLowerCase(), names);
  return new PyroError("invalid_argument", `There is no key "${key}".`, {
    hint: `${guess === undefined ? "" : `Did you mean "${guess}"? `}Keys are ${names.join(", ")}, single characters, and those with ctrl-, alt- or shift- before them.`,
  });
}
