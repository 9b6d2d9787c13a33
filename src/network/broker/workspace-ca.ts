import type { WorkspaceCa } from "../../model/brokered-credential.ts";

/** What will sign for the hosts of one workspace's credentials. Its key never leaves the host. */
export async function makeWorkspaceCa(): Promise<WorkspaceCa> {
  const { issueCa } = await import("./certificates.ts");
  return issueCa();
}
