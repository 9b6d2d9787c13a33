/** `value` as an object with fields, or undefined. */
export function asFields(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** `value` if it is a list of strings; an absent one is empty. */
export function asStrings(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  return Array.isArray(value) && value.every((item) => typeof item === "string")
    ? value
    : undefined;
}

/** The fields of `value` that are strings. */
export function asVariables(value: unknown): Record<string, string> {
  const entries = Object.entries(asFields(value) ?? {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** `names` of `env`, where they are set. */
export function pick(
  env: Readonly<Record<string, string>>,
  names: Iterable<string>,
): Record<string, string> {
  return Object.fromEntries(
    [...names].flatMap((name) => (env[name] ? [[name, env[name]] as const] : [])),
  );
}
