import { InvalidArgumentError } from "commander";

export type KeyValues = Readonly<Record<string, string>>;

/** For options that may be given several times as KEY=VALUE; a later one wins. */
export function collectKeyValue(text: string, earlier: KeyValues = {}): KeyValues {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError(`"${text}" is not KEY=VALUE.`);
  const pair = [text.slice(0, equals), text.slice(equals + 1)] as const;
  return Object.fromEntries([...Object.entries(earlier), pair]);
}

/** For options that may be given several times. */
export function collectText(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, text];
}
