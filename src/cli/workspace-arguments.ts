import { type Command, Option } from "commander";
import type { JsonOption } from "./context.ts";
import { collectKeyValue } from "./key-value.ts";
import { collectSecretEnv } from "./secret-arguments.ts";

/** What `<name>` means wherever a command takes a service. */
export const serviceNameMeaning = "name of the service";

/** What `<id>` means wherever a command takes a workspace. */
export const idMeaning = "id, unique beginning of an id, or name of a workspace";

/** What `<shell>` means wherever a command takes one. */
export const shellMeaning = "id of a shell, or a beginning of it that no other has";

export interface WorkspaceOutputOption extends JsonOption {
  readonly idOnly: boolean;
}

/** The ways commands that answer with something that has an id can answer. */
export function addWorkspaceOutput(command: Command): Command {
  return command
    .addOption(new Option("--id-only", "print only the id").default(false).conflicts("json"))
    .option("--json", "print one JSON object", false);
}

/** Variables of a program that is started. */
export function envOption(): Option {
  const option = new Option("--env <k=v>", "environment variable (repeatable)");
  return option.argParser(collectKeyValue);
}

/** Secrets of the workspace that a program that is started gets. */
export function secretEnvOption(): Option {
  return new Option(
    "--secret-env <name[=var]>",
    "secret of the workspace as an environment variable (repeatable)",
  ).argParser(collectSecretEnv);
}
