import { rootCertificates } from "node:tls";
import type { AgentClient } from "../../channel/agent-client.ts";
import type { WorkspaceCa } from "../../model/brokered-credential.ts";
import { asPyroError } from "../../model/errors.ts";
import { guestValue, type Secret } from "../../model/secrets.ts";
import type { KeptSecrets } from "../records/kept-secrets.ts";
import { gitVariables } from "./credentials/git-helper.ts";

/** What a guest is told of. */
export interface Placed {
  readonly secrets: readonly Secret[];
  /** Undefined where there never was a credential. */
  readonly ca: WorkspaceCa | undefined;
}

/**
 * Gives a guest that just began the secrets of its workspace as files. Answers why it could not: what asks for the files fails then, and the
 * workspace lives on.
 */
export async function placeSecrets(
  client: AgentClient,
  kept: KeptSecrets,
): Promise<string | undefined> {
  try {
    const placed = { secrets: kept.list(), ca: kept.ca() };
    if (placed.secrets.length > 0 || placed.ca !== undefined) await holdSecrets(client, placed);
    return undefined;
  } catch (error) {
    return asPyroError(error).message;
  }
}

/** Secrets as they are, credentials as their placeholders; and whom programs are to trust so that these work. */
export async function holdSecrets(client: AgentClient, { secrets, ca }: Placed): Promise<void> {
  try {
    await client.holdSecrets(
      secrets.map((secret) => ({ name: secret.name, value: guestValue(secret) })),
    );
    if (ca !== undefined) await trust(client, secrets, ca);
  } catch (error) {
    // Without isolation they are in environments alone.
    if (asPyroError(error).code !== "not_supported") throw error;
  }
}

async function trust(
  client: AgentClient,
  secrets: readonly Secret[],
  { certificatePem }: WorkspaceCa,
): Promise<void> {
  const credentials = secrets.filter(({ brokered }) => brokered !== undefined);
  if (credentials.length === 0) return void (await client.trust({ certificate: "", env: [] }));
  const env = [
    ...credentials.flatMap(({ brokered }) =>
      (brokered?.variables ?? []).map((variable) => `${variable}=${brokered?.placeholder}`),
    ),
    ...gitVariables(credentials),
  ];
  const wanted = { certificate: certificatePem, env };
  const { needsRoots } = await client.trust(wanted);
  // Programs of an environment without any list have lists of their own, which are not far from this one.
  if (needsRoots) await client.trust({ ...wanted, roots: rootCertificates.join("\n") });
}
