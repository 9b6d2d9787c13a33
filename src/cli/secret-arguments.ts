import type { Command } from "commander";
import { PyroError, readyCredentialNames, type SecretSource } from "../index.ts";
import { parseCredential, withCredentials } from "./credential-spec.ts";
import type { IO } from "./io.ts";
import { collectKeyValue, collectText, type KeyValues } from "./key-value.ts";
import { printNote } from "./printer.ts";

export interface SecretOptions {
  readonly secret?: readonly string[];
  readonly secretFile?: readonly string[];
  readonly secretFromEnv?: readonly string[];
  readonly credential?: readonly string[];
  readonly credentialCommand?: readonly string[];
}

/** The ways in which a secret can be handed over. The texts are taken apart later: the parser's own errors would quote them. */
export function addSecretOptions(command: Command): Command {
  return command
    .option(
      "--secret <name=value>",
      "secret for commands; its value shows in the process list (repeatable)",
      collectText,
    )
    .option("--secret-file <name=path>", "secret in a file or pipe (repeatable)", collectText)
    .option(
      "--secret-from-env <name[=var]>",
      "secret in an environment variable (repeatable)",
      collectText,
    )
    .option(
      "--credential <spec>",
      `secret that the guest never has: pyro puts it into requests to its hosts; ${readyCredentialNames.join(", ")} or NAME=HOST[,HOST] (repeatable)`,
      collectText,
    )
    .option(
      "--credential-command <name=cmd>",
      "shell line of the host that prints a credential (repeatable)",
      collectText,
    );
}

/** All of them, undefined for none; warns of those whose values others can see. */
export function secretSources(
  io: IO,
  { secret = [], secretFile = [], secretFromEnv = [], ...brokered }: SecretOptions,
): readonly SecretSource[] | undefined {
  if (secret.length > 0)
    printNote(
      io,
      "warning: the value of --secret shows in the process list and in your shell's history; better: --secret-file NAME=PATH or --secret-from-env NAME",
    );
  const { credential = [], credentialCommand = [] } = brokered;
  const given: readonly SecretSource[] = [
    ...secret
      .map((text) => pair(text, "--secret"))
      .map(({ name, rest }) => ({ name, value: rest })),
    ...secretFile
      .map((text) => pair(text, "--secret-file"))
      .map(({ name, rest }) => ({ name, path: rest })),
    ...secretFromEnv.map(variableSource),
    ...credentialCommand
      .map((text) => pair(text, "--credential-command"))
      .map(({ name, rest }) => ({ name, command: rest })),
  ];
  const sources = withCredentials(given, credential.map(parseCredential));
  return sources.length === 0 ? undefined : sources;
}

interface Pair {
  readonly name: string;
  readonly rest: string;
}

/** What follows the name in each of them. */
const restOf = { "--secret": "VALUE", "--secret-file": "PATH", "--credential-command": "COMMAND" };

function pair(text: string, option: keyof typeof restOf): Pair {
  const equals = text.indexOf("=");
  if (equals > 0) return { name: text.slice(0, equals), rest: text.slice(equals + 1) };
  const what = restOf[option];
  // The text may be a value alone, so it is not quoted.
  throw new PyroError("invalid_argument", `What ${option} was given is not NAME=${what}.`, {
    hint: `Write ${option} NAME=${what}.`,
  });
}

function variableSource(text: string): SecretSource {
  const [name = "", ...rest] = text.split("=");
  return { name, variable: rest.length === 0 ? name : rest.join("=") };
}

/** For `--secret-env NAME[=VAR]`: which secrets a command gets, and as which variables. */
export function collectSecretEnv(text: string, earlier: KeyValues = {}): KeyValues {
  return collectKeyValue(text.includes("=") ? text : `${text}=${text}`, earlier);
}
