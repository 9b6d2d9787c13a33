/** One way to authenticate that a registry offers. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const headerLengthMax = 8192;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
const equals = /[ \t]*=[ \t]*/y;
const separators = /[ \t,]*/y;

/** The challenges of a `WWW-Authenticate` header; stops at the first thing it does not understand. */
export function parseChallenges(header: string): readonly Challenge[] {
  const text = header.slice(0, headerLengthMax);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match) position += match[0].length;
    return match;
  };
  for (;;) {
    take(separators);
    const name = take(token)?.[0].toLowerCase();
    if (name === undefined) return challenges;
    if (!take(equals)) {
      challenges.push({ scheme: name, parameters: new Map() });
      continue;
    }
    const value = take(quoted)?.[1]?.replace(/\\(.)/g, "$1") ?? take(token)?.[0];
    const challenge = challenges.at(-1);
    if (value === undefined || challenge === undefined) return challenges;
    // The first of two equal names counts, as with everything else a proxy may have appended.
    if (!challenge.parameters.has(name)) challenge.parameters.set(name, value);
  }
}
