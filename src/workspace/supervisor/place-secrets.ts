import type { AgentClient } from "../../channel/agent-client.ts";
import { asPyroError } from "../../model/errors.ts";
import type { KeptSecrets } from "../records/kept-secrets.ts";

/**
 * Gives a guest that just began the secrets of its workspace as files. Answers why it could not: what asks for the files fails then, and the
 * workspace lives on.
 */
export async function placeSecrets(
  client: AgentClient,
  kept: KeptSecrets,
): Promise<string | undefined> {
  try {
    const secrets = kept.list();
    if (secrets.length > 0) await holdSecrets(client, secrets);
    return undefined;
  } catch (error) {
    return asPyroError(error).message;
  }
}

export async function holdSecrets(
  client: AgentClient,
  secrets: ReturnType<KeptSecrets["list"]>,
): Promise<void> {
  try {
    await client.holdSecrets(secrets);
  } catch (error) {
    // Without isolation they are in environments alone.
    if (asPyroError(error).code !== "not_supported") throw error;
  }
}
