import { checkEnvironmentName } from "../../environments/environment-name.ts";
import { PyroError } from "../../model/errors.ts";
import { letsOut, machineSize, networkPolicies, ttlMs } from "../../model/machine-options.ts";
import { checkLabels, checkName } from "../../model/workspace-names.ts";
import type { Workspace } from "../../model/workspace-results.ts";
import { faultPoint } from "../../platform/fault.ts";
import type { WorkspaceChange, WorkspaceRow } from "../../registry/workspaces.ts";
import { describeWorkspace, nothingOpened } from "../life/describe-workspace.ts";
import { latest } from "../life/find-workspace.ts";
import { createRow, newRow } from "../life/new-workspace.ts";
import { sweepWorkspaces } from "../life/sweep-workspaces.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import {
  type BringUpOptions,
  bringUp,
  chooseBase,
  traitsOf,
  type WorkspaceBase,
} from "../life/workspace-machine.ts";
import type { CreateWorkspaceOptions } from "../life/workspace-options.ts";
import { askedPolicy, noRulesWithoutIsolation } from "../network/asked-policy.ts";
import { askedSecrets } from "../secrets/asked-secrets.ts";
import { requireReachable } from "../secrets/require-reachable.ts";
import { openSeedSource, type SeedSource } from "./seed-source.ts";
import { startSeeded } from "./seed-workspace.ts";

/** A workspace that is started, with its seed in place; or nothing at all. */
export async function createWorkspace(
  context: WorkspaceContext,
  options: CreateWorkspaceOptions,
): Promise<Workspace> {
  checkEnvironmentName(options.environment);
  const draft = await draftOf(context, options);
  const wayOut = {
    isOut: letsOut(draft.networkPolicy),
    policy: draft.egress,
    hintOut: "Add --network-policy egress.",
    allow: (target: string) => `Allow it: --allow-host ${target}`,
  };
  const change = await askedSecrets(options.secrets, wayOut);
  const source =
    options.seedPath === undefined ? undefined : await openSeedSource(options.seedPath, options);
  await sweepWorkspaces(context);
  const base = await chooseBase(context.host, options);
  if (base.kind === "host" && letsOut(options.networkPolicy ?? "off"))
    throw noRulesWithoutIsolation();
  const row = { ...draft, ...traitsOf(base, draft) };
  const work = async () => {
    // Those of a workspace that runs; whoever looks after it gives them to its guest.
    if (change.set.length > 0) context.records.secrets(row.workspaceId).change(change);
    const made = await start(context, { row, base, source }, options);
    // The tree may refuse what a credential is for.
    const { egress } = latest(context, row);
    if (egress.project !== null) await requireReachable(change.set, { ...wayOut, policy: egress });
    return made;
  };
  const created = await createRow(context, row, { to: "started", work });
  // The first command will need it; nobody waits for it here.
  context.supervisors.spawn(row.workspaceId);
  return describeWorkspace(context, created, nothingOpened);
}

async function draftOf(
  context: WorkspaceContext,
  options: CreateWorkspaceOptions,
): Promise<WorkspaceRow> {
  const { environment, name, labels, ttlSeconds, networkPolicy = "off" } = options;
  if (!networkPolicies.includes(networkPolicy))
    throw new PyroError(
      "invalid_argument",
      `networkPolicy is ${JSON.stringify(networkPolicy)}, but must be one of ${networkPolicies.join(", ")}.`,
    );
  return newRow("workspace", {
    environment,
    name: name === undefined ? undefined : checkName(name, "workspace"),
    labels: checkLabels(labels),
    networkPolicy,
    egress: await askedPolicy(options, letsOut(networkPolicy)),
    lifeMs: ttlSeconds === undefined ? undefined : ttlMs(ttlSeconds),
    ...machineSize(options, context.host.memMib),
  });
}

async function start(
  context: WorkspaceContext,
  { row, base, source }: Creation,
  options: BringUpOptions,
): Promise<WorkspaceChange> {
  if (source !== undefined) return startSeeded(context, { row, base, source }, options);
  options.onProgress?.({ step: "starting" });
  const { machine, client } = await bringUp(context, { row, base }, options);
  context.supervisors.release(row.workspaceId, { machine, client });
  faultPoint("create.started");
  return {};
}

interface Creation {
  readonly row: WorkspaceRow;
  readonly base: WorkspaceBase;
  readonly source: SeedSource | undefined;
}
