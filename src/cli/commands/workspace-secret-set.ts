import type { Command } from "commander";
import { PyroError } from "../../index.ts";
import type { CommandContext, JsonOption } from "../context.ts";
import { printResult } from "../printer.ts";
import { addSecretOptions, type SecretOptions, secretSources } from "../secret-arguments.ts";
import { idMeaning } from "../workspace-arguments.ts";
import { printSecrets } from "./workspace-secret-list.ts";

interface SetOptions extends JsonOption, SecretOptions {}

function nothing(): never {
  throw new PyroError("invalid_argument", "There is no secret to set.", {
    hint: "Give --secret-file NAME=PATH, --secret-from-env NAME, --secret NAME=VALUE or --credential github.",
  });
}

export function addWorkspaceSecretSet(group: Command, { io, openPyro }: CommandContext): void {
  addSecretOptions(group.command("set"))
    .summary("add or replace secrets of a workspace")
    .description(
      "Adds secrets, or replaces those of the same name. Commands that begin afterwards get the new values; what runs keeps what it was started with.",
    )
    .argument("<id>", idMeaning)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExamples:\n  pyro workspace secret set demo --secret-file API_TOKEN=token.txt\n  pyro workspace secret set demo --credential github",
    )
    .action(async (id: string, options: SetOptions) => {
      const secrets = secretSources(io, options) ?? nothing();
      using pyro = openPyro();
      const list = await pyro.setSecrets(id, { secrets });
      if (options.json) return printResult(io, "workspaceSecrets", list);
      printSecrets(io, list);
    });
}
