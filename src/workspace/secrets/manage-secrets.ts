import { PyroError } from "../../model/errors.ts";
import { letsOut } from "../../model/machine-options.ts";
import type { SecretsChange } from "../../model/secrets.ts";
import type { WorkspaceSecrets } from "../../model/workspace-results.ts";
import { acquireLock } from "../../platform/lock.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { connectWorkspace } from "../life/connect-workspace.ts";
import { findWorkspace, latest } from "../life/find-workspace.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import type { SetSecretsOptions } from "../life/workspace-options.ts";
import { now } from "../records/workspace-records.ts";
import { nameOf, requireLegal } from "../records/workspace-states.ts";
import { askedSecrets } from "./asked-secrets.ts";

/** A supervisor whose workspace was stopped lets go a moment later. */
const endingMs = 5_000;

/** Which secrets a workspace has; never their values. */
export async function listSecrets(
  context: WorkspaceContext,
  id: string,
): Promise<WorkspaceSecrets> {
  return told(context, await findWorkspace(context, id));
}

/** Adds secrets, or puts them in the place of those of the same name. What runs already has what it was started with. */
export async function setSecrets(
  context: WorkspaceContext,
  id: string,
  { secrets }: SetSecretsOptions,
): Promise<WorkspaceSecrets> {
  const row = await findWorkspace(context, id);
  const name = nameOf(row);
  const wanted = await askedSecrets(secrets, {
    isOut: letsOut(row.networkPolicy),
    policy: row.egress,
    hintOut: "Create one that is let out: pyro workspace create … --network-policy egress",
    allow: (target) => `Allow it: pyro workspace network allow ${name} ${target}`,
  });
  if (wanted.set.length === 0)
    throw new PyroError("invalid_argument", "There is no secret to set.", {
      hint: "Name one with its value, a file or a variable.",
    });
  return change(context, id, wanted);
}

export async function removeSecret(
  context: WorkspaceContext,
  id: string,
  name: string,
): Promise<WorkspaceSecrets> {
  return change(context, id, { set: [], remove: [name] });
}

async function change(
  context: WorkspaceContext,
  id: string,
  wanted: SecretsChange,
): Promise<WorkspaceSecrets> {
  const row = await findWorkspace(context, id);
  requireLegal(row, "change secrets");
  if (row.state === "started") {
    const client = await connectWorkspace(context, row, "change secrets");
    await client.supervisor.changeSecrets(wanted);
  } else await changeAtRest(context, row, wanted);
  return told(context, latest(context, row));
}

/** Nobody looks after a workspace that does not run; whoever has its lock may change it. */
async function changeAtRest(
  context: WorkspaceContext,
  row: WorkspaceRow,
  wanted: SecretsChange,
): Promise<void> {
  const { workspaceId } = row;
  using _lock = await acquireLock(context.files(workspaceId).lockPath, { timeoutMs: endingMs });
  requireLegal(latest(context, row), "change secrets");
  const text = context.records.secrets(workspaceId).change(wanted);
  context.records.journal.record({ workspaceId, at: now(), kind: "secret", text });
}

function told(context: WorkspaceContext, { workspaceId }: WorkspaceRow): WorkspaceSecrets {
  const kept = context.records.secrets(workspaceId);
  // Whoever asks for them is to know that they are damaged.
  kept.list();
  return { workspaceId, secrets: kept.told() };
}
