import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { checkEnvironmentName } from "../environments/environment-name.ts";
import { emptySeed } from "../model/empty-seed.ts";
import { PyroError } from "../model/errors.ts";
import { type AskedSize, machineSize, ttlMs } from "../model/machine-options.ts";
import { checkLabels, checkName } from "../model/workspace-names.ts";
import type { Workspace } from "../model/workspace-results.ts";
import { bootMomentIn } from "../platform/boot-time.ts";
import { faultPoint } from "../platform/fault.ts";
import { acquireLock } from "../platform/lock.ts";
import { identifySelf } from "../platform/processes.ts";
import type { WorkspaceRow } from "../registry/workspaces.ts";
import { describeWorkspace } from "./describe-workspace.ts";
import { removeWorkspace } from "./remove-workspace.ts";
import { openSeedSource, type SeedSource } from "./seed-source.ts";
import { startSeeded } from "./seed-workspace.ts";
import { sweepWorkspaces } from "./sweep-workspaces.ts";
import type { WorkspaceContext } from "./workspace-context.ts";
import {
  type BringUpOptions,
  bringUp,
  chooseBase,
  cpuOn,
  traitsOf,
  type WorkspaceBase,
} from "./workspace-machine.ts";
import type { CreateWorkspaceOptions } from "./workspace-options.ts";
import { now } from "./workspace-records.ts";

/** A workspace that is started, with its seed in place; or nothing at all. */
export async function createWorkspace(
  context: WorkspaceContext,
  options: CreateWorkspaceOptions,
): Promise<Workspace> {
  checkEnvironmentName(options.environment);
  const draft = newRow(context, options);
  const source =
    options.seedPath === undefined ? undefined : await openSeedSource(options.seedPath, options);
  await sweepWorkspaces(context);
  const base = await chooseBase(context.host, options);
  const row = { ...draft, ...traitsOf(base), cpu: cpuOn(base, draft.cpu) };
  const files = context.files(row.workspaceId);
  insert(context, row);
  try {
    faultPoint("create.recorded");
    await mkdir(files.directory, { recursive: true, mode: 0o700 });
    using _lock = await acquireLock(files.lockPath);
    faultPoint("create.directory");
    await start(context, { row, base, source }, options);
    faultPoint("create.seeded");
    const created = {
      from: ["creating"],
      to: "started",
      change: { work: null, lastActivityAt: now() },
    } as const;
    if (!context.records.workspaces.transition(row.workspaceId, created))
      throw deletedMeanwhile(row);
  } catch (error) {
    const latest = context.records.workspaces.find(row.workspaceId) ?? row;
    const reason = "it could not be created";
    await removeWorkspace(context.records, latest, { files, reason });
    throw error;
  }
  // The first command will need it; nobody waits for it here.
  context.supervisors.spawn(row.workspaceId);
  return describeWorkspace(context, context.records.workspaces.find(row.workspaceId) ?? row);
}

/** Everything that does not depend on what the workspace will run on; its CPU does, unless it was asked for. */
function newRow(
  context: WorkspaceContext,
  options: CreateWorkspaceOptions,
): Omit<WorkspaceRow, "cpu"> & Pick<AskedSize, "cpu"> {
  if ((options.networkPolicy ?? "off") !== "off")
    throw new PyroError("not_supported", "Guests have no network in this version of pyro.", {
      hint: "Leave the network policy off.",
    });
  const at = new Date();
  const lifeMs = options.ttlSeconds === undefined ? undefined : ttlMs(options.ttlSeconds);
  return {
    workspaceId: `ws-${randomBytes(6).toString("hex")}`,
    name: options.name === undefined ? null : checkName(options.name, "workspace"),
    labels: { ...checkLabels(options.labels) },
    environment: options.environment,
    ...machineSize(options, context.host.memMib),
    state: "creating",
    failure: null,
    work: { worker: identifySelf() },
    imageId: null,
    driver: "",
    executionMode: "host_compat",
    isolation: "none",
    networkPolicy: "off",
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

function insert(context: WorkspaceContext, row: WorkspaceRow): void {
  if (context.records.workspaces.insert(row)) return;
  throw new PyroError("workspace_name_taken", `There is a workspace "${row.name}" already.`, {
    hint: `Choose another name, or delete it: pyro workspace delete ${row.name}`,
  });
}

async function start(
  context: WorkspaceContext,
  { row, base, source }: Creation,
  options: BringUpOptions,
): Promise<void> {
  if (source !== undefined) return startSeeded(context, { row, base, source }, options);
  options.onProgress?.({ step: "starting" });
  const { machine, client } = await bringUp(context, { row, base }, options);
  client.close();
  machine.leaveConsole();
  faultPoint("create.started");
}

interface Creation {
  readonly row: WorkspaceRow;
  readonly base: WorkspaceBase;
  readonly source: SeedSource | undefined;
}

function deletedMeanwhile(row: WorkspaceRow): PyroError {
  return new PyroError(
    "workspace_lost",
    `Workspace ${row.workspaceId} was deleted while it was created.`,
  );
}
