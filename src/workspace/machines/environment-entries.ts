import { PyroError } from "../../model/errors.ts";

/** Throws `invalid_argument` unless all of them can be environment variables. */
export function checkEnvironmentVariables(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    if (name !== "" && !/[=\0]/.test(name) && !value.includes("\0")) continue;
    throw new PyroError("invalid_argument", `"${name}" cannot be an environment variable.`);
  }
}

/** The variables as the guest takes them. */
export function environmentEntries(env: Readonly<Record<string, string>> = {}): string[] {
  checkEnvironmentVariables(env);
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}
