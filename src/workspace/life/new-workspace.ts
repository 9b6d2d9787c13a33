import { mkdir } from "node:fs/promises";
import { defaultEgressPolicy, type EgressPolicy } from "../../model/egress.ts";
import { emptySeed } from "../../model/empty-seed.ts";
import { PyroError } from "../../model/errors.ts";
import type { AskedSize, NetworkPolicy } from "../../model/machine-options.ts";
import { newId, type WorkspaceKind } from "../../model/workspace-names.ts";
import { bootMomentIn } from "../../platform/boot-time.ts";
import { faultPoint } from "../../platform/fault.ts";
import { acquireLock } from "../../platform/lock.ts";
import { identifySelf } from "../../platform/processes.ts";
import {
  unknownImage,
  type WorkspaceChange,
  type WorkspaceRow,
} from "../../registry/workspaces.ts";
import { removeWorkspace } from "../records/remove-workspace.ts";
import { now } from "../records/workspace-records.ts";
import { latest } from "./find-workspace.ts";
import type { WorkspaceContext } from "./workspace-context.ts";

export interface NewWorkspace extends AskedSize {
  readonly environment: string;
  readonly name?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Default `off`. */
  readonly networkPolicy?: NetworkPolicy | undefined;
  /** Default: the public internet, once the network policy lets out. */
  readonly egress?: EgressPolicy | undefined;
  /** Absent: it lives until it is deleted. */
  readonly lifeMs?: number | undefined;
}

/** One that this process creates, and that nothing is known of but what was asked for. */
export function newRow(
  kind: WorkspaceKind,
  {
    environment,
    name,
    labels = {},
    lifeMs,
    cpu,
    networkPolicy = "off",
    egress = defaultEgressPolicy,
    ...size
  }: NewWorkspace,
): WorkspaceRow {
  const at = new Date();
  return {
    workspaceId: newId(kind),
    name: name ?? null,
    labels: { ...labels },
    environment,
    ...size,
    cpu: cpu ?? null,
    state: "creating",
    failure: null,
    work: { worker: identifySelf() },
    imageId: unknownImage,
    driver: "",
    executionMode: "host_compat",
    isolation: "none",
    networkPolicy,
    egress,
    createdAt: at.toISOString(),
    lastActivityAt: at.toISOString(),
    expiresAt: lifeMs === undefined ? null : new Date(at.getTime() + lifeMs).toISOString(),
    deadline: lifeMs === undefined ? null : bootMomentIn(lifeMs),
    workspaceSeed: emptySeed,
    baselineMark: null,
    resetCount: 0,
    lastResetAt: null,
    commandCount: 0,
    process: null,
    revision: 0,
  };
}

export interface Creation {
  readonly to: "started" | "stopped";
  /** What is done to it, with its directory there and its lock held; answers what it is from then on, beside what its row says. */
  readonly work?: () => Promise<WorkspaceChange>;
}

/** Brings what `row` says into being, or leaves nothing at all. */
export async function createRow(
  context: WorkspaceContext,
  row: WorkspaceRow,
  { to, work }: Creation,
): Promise<WorkspaceRow> {
  const { workspaces } = context.records;
  const { workspaceId } = row;
  const files = context.files(workspaceId);
  insert(context, row);
  try {
    faultPoint("create.recorded");
    await mkdir(files.directory, { recursive: true, mode: 0o700 });
    using _lock = await acquireLock(files.lockPath);
    faultPoint("create.directory");
    const made = await work?.();
    faultPoint("create.seeded");
    const change = { ...made, work: null, lastActivityAt: now() };
    if (!workspaces.transition(workspaceId, { from: ["creating"], to, change }))
      throw deletedMeanwhile(row);
  } catch (error) {
    const current = workspaces.find(workspaceId) ?? row;
    const reason = "it could not be created";
    await removeWorkspace(context.records, current, { files, reason });
    throw error;
  }
  return latest(context, row);
}

function insert(context: WorkspaceContext, row: WorkspaceRow): void {
  if (context.records.workspaces.insert(row)) return;
  throw new PyroError("workspace_name_taken", `There is a workspace "${row.name}" already.`, {
    hint: `Choose another name, or delete it: pyro workspace delete ${row.name}`,
  });
}

function deletedMeanwhile(row: WorkspaceRow): PyroError {
  return new PyroError(
    "workspace_lost",
    `Workspace ${row.workspaceId} was deleted while it was created.`,
  );
}
