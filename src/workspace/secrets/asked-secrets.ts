import type { SecretsChange } from "../../model/secrets.ts";
import type { SecretSource } from "../life/workspace-options.ts";
import { readSecretSources } from "./read-sources.ts";
import { requireReachable, type WayOutFacts } from "./require-reachable.ts";

/** The secrets that are handed over, read and checked, with all that credentials among them need. */
export async function askedSecrets(
  sources: readonly SecretSource[] | undefined,
  facts: WayOutFacts,
): Promise<SecretsChange> {
  const set = await readSecretSources(sources);
  if (!set.some(({ brokered }) => brokered !== undefined)) return { set, remove: [] };
  await requireReachable(set, facts);
  const { makeWorkspaceCa } = await import("../../network/broker/workspace-ca.ts");
  return { set, remove: [], ca: await makeWorkspaceCa() };
}
