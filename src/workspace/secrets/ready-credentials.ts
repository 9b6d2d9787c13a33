import {
  type CredentialOptions,
  type ReadyCredential,
  type ReadyCredentialName,
  readyCredentialNames,
  readyCredentials,
} from "../../model/credentials.ts";
import { PyroError } from "../../model/errors.ts";
import { nearest } from "../../model/nearest.ts";
import { userEnvironment } from "../../platform/config.ts";
import type { SecretSource } from "../life/workspace-options.ts";

/** What is known of a credential that comes with pyro. Throws `invalid_argument` for another name. */
export function readyCredentialNamed(word: string): ReadyCredential {
  const known = readyCredentialNames.find((name) => name === word);
  if (known !== undefined) return readyCredentials[known];
  const meant = nearest(word, readyCredentialNames);
  throw new PyroError("invalid_argument", `There is no ready-made credential "${word}".`, {
    hint:
      meant === undefined
        ? `There are ${readyCredentialNames.join(", ")}; others are NAME=HOST.`
        : `Did you mean ${meant}?`,
  });
}

/** A ready-made credential with the value that the first of its variables has in this process' environment. Throws `invalid_argument` where none has one. */
export function readyCredential(
  word: ReadyCredentialName,
  limits: Pick<CredentialOptions, "methods" | "paths"> = {},
): SecretSource {
  const { hostVariables, name, ...options } = readyCredentialNamed(word);
  const environment = userEnvironment();
  const variable = hostVariables.find((one) => environment[one]);
  if (variable === undefined)
    throw new PyroError(
      "invalid_argument",
      `The credential ${word} has no value: ${hostVariables.join(" and ")} ${hostVariables.length > 1 ? "are" : "is"} not set.`,
      {
        hint: `Export ${hostVariables.join(" or ")}, or give it with --secret-file ${name}=PATH, --secret-from-env ${name}=VAR or --credential-command ${name}=COMMAND.`,
      },
    );
  return { name, variable, credential: { ...options, ...limits } };
}
