import { checkEnvironmentName } from "../../environments/environment-name.ts";
import type { EgressOptions } from "../../model/egress.ts";
import { asPyroError, PyroError } from "../../model/errors.ts";
import {
  letsOut,
  machineSize,
  runnableCommand,
  type SizeOptions,
  timeoutMs,
  ttlMs,
} from "../../model/machine-options.ts";
import type { ReapResult, Vm, VmDeleted, VmExecResult, VmNetwork } from "../../model/results.ts";
import { isId } from "../../model/workspace-names.ts";
import { type Lock, tryLock } from "../../platform/lock.ts";
import { identifySelf } from "../../platform/processes.ts";
import { removeTree } from "../../platform/remove-tree.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { adoptWorkspace, adoptWorkspaces } from "../life/adopt-workspaces.ts";
import { settle } from "../life/find-workspace.ts";
import { createRow, newRow } from "../life/new-workspace.ts";
import { endStrayMachine } from "../life/recover-workspace.ts";
import { startAgain } from "../life/start-again.ts";
import { stopUnattended } from "../life/stop-unattended.ts";
import { sweepWorkspaces } from "../life/sweep-workspaces.ts";
import type { WorkspaceContext } from "../life/workspace-context.ts";
import { adoptMachine, findBase } from "../life/workspace-machine.ts";
import { attachAgent } from "../machines/attach-agent.ts";
import type { WorkOptions } from "../machines/host.ts";
import { type CommandRequest, runCommand } from "../machines/run-command.ts";
import { askedPolicy } from "../network/asked-policy.ts";
import { letOut } from "../network/let-out.ts";
import { removeWorkspace } from "../records/remove-workspace.ts";
import { isExpired } from "../records/workspace-states.ts";
import { requireLegalForVm, vmStateOf } from "./vm-states.ts";

// VMs that outlive the call that made them: created, started, used once, deleted. Each is a workspace without a
// supervisor, which its one command would not need, and without a name or a seed.

const attachDeadlineMs = 10_000;

export interface CreateVmOptions extends SizeOptions, EgressOptions {
  readonly environment: string;
  /** Seconds from now until the VM is deleted, whatever it does. Default 600. */
  readonly ttlSeconds?: number | undefined;
  /** Whether its command may reach anything at all. Default false. */
  readonly network?: boolean | undefined;
}

export interface ExecVmOptions
  extends Pick<CommandRequest, "command" | "stdin" | "onStdout" | "onStderr" | "signal"> {
  /** Default 30. */
  readonly timeoutSeconds?: number | undefined;
}

/** A VM that is known and nothing more. */
export async function createVm(context: WorkspaceContext, options: CreateVmOptions): Promise<Vm> {
  const { environment, network = false, ttlSeconds } = options;
  checkEnvironmentName(environment);
  const egress = await askedPolicy(options, network);
  const networkPolicy = network ? "egress" : "off";
  const size = machineSize(options, context.host.memMib);
  const row = newRow("vm", {
    environment,
    lifeMs: ttlMs(ttlSeconds),
    networkPolicy,
    egress,
    ...size,
  });
  return describeVm(await createRow(context, row, { to: "stopped" }));
}

/** Boots a VM, or boots it again on its disk. One that does not start has failed. */
export async function startVm(
  context: WorkspaceContext,
  vmId: string,
  options: WorkOptions = {},
): Promise<Vm> {
  const vm = await findVm(context, vmId);
  requireLegalForVm(vm, "start");
  const { base, isOtherImage } = await findBase(context.host, vm, options);
  using _lock = await lockVm(context, vm);
  const { workspaces } = context.records;
  const current = workspaces.find(vmId);
  if (current === undefined) throw changedMeanwhile(vmId);
  requireLegalForVm(current, "start");
  await endStrayMachine(context, current);
  workspaces.update(vmId, { work: { worker: identifySelf() } });
  try {
    await startAgain(context, current, { ...options, base, discardRoot: isOtherImage });
  } catch (error) {
    const failure = asPyroError(error).message.split("\n")[0] ?? "";
    const change = { failure, process: null, work: null };
    if (workspaces.transition(vmId, { from: ["stopped"], to: "failed", change })) throw error;
    // Deleted meanwhile, it has nothing to keep.
    await removeTree(context.files(vmId).directory);
    throw changedMeanwhile(vmId, error);
  }
  return statusVm(context, vmId);
}

/** Runs one command and deletes the VM, however the command ends. */
export async function execVm(
  context: WorkspaceContext,
  vmId: string,
  options: ExecVmOptions,
): Promise<VmExecResult> {
  const command = runnableCommand(options.command);
  const limit = timeoutMs(options.timeoutSeconds);
  const vm = await findVm(context, vmId);
  requireLegalForVm(vm, "exec");
  requireIsolation(context, vm);
  const machine = adoptMachine(context, vm);
  try {
    await machine.verifyConfinement();
    const { client } = await attachAgent(machine, attachDeadlineMs, options.signal);
    try {
      const { environment, cpu, isolation, executionMode, networkPolicy } = vm;
      const driver = { name: vm.driver, capabilities: { isolation, executionMode } };
      using egress = letsOut(vm.networkPolicy)
        ? await letOut(client, { policy: vm.egress })
        : undefined;
      const denied = () => egress?.denied ?? [];
      const work = { environment, command, cpu, networkPolicy, timeoutMs: limit, denied };
      return { ...(await runCommand(client, driver, { ...options, ...work })), vmId };
    } finally {
      client.close();
    }
  } finally {
    await deleteVm(context, vmId);
  }
}

/** A machine that was started before more was asked for stays what it is. */
function requireIsolation({ host }: WorkspaceContext, { workspaceId, isolation }: WorkspaceRow) {
  if (!host.config.requireKvm || isolation === "hardware") return;
  throw new PyroError(
    "kvm_required",
    `PYRO_REQUIRE_KVM is set, but ${workspaceId} runs without KVM (isolation: ${isolation}).`,
    { hint: "Start another one on a host with working KVM, or unset PYRO_REQUIRE_KVM." },
  );
}

/** Powers the guest off and keeps its disk. */
export async function stopVm(context: WorkspaceContext, vmId: string): Promise<Vm> {
  const vm = await findVm(context, vmId);
  requireLegalForVm(vm, "stop");
  await stopUnattended(context, vm);
  return statusVm(context, vmId);
}

/** Ends the VM and removes everything of it. Deleting what is gone is no error. */
export async function deleteVm(context: WorkspaceContext, vmId: string): Promise<VmDeleted> {
  const vm = await lookUp(context, vmId);
  if (vm === undefined) return { vmId, deleted: false };
  const files = context.files(vmId);
  // Whoever has it instead is starting a machine, and finds the VM gone.
  using _lock = await tryLock(files.lockPath).catch(() => undefined);
  const deleted = await removeWorkspace(context.records, vm, { files, reason: "deleted" });
  return { vmId, deleted };
}

export async function statusVm(context: WorkspaceContext, vmId: string): Promise<Vm> {
  return describeVm(await findVm(context, vmId));
}

export async function networkInfoVm(context: WorkspaceContext, vmId: string): Promise<VmNetwork> {
  const vm = await findVm(context, vmId);
  const network = letsOut(vm.networkPolicy);
  const { preset, rules } = vm.egress;
  return {
    vmId,
    network,
    policy: network ? "egress" : "off",
    preset: network ? preset : null,
    rules: network ? [...rules] : [],
    interfaces: [],
  };
}

/** Deletes what is past its time, and what crashed processes left on disk. */
export async function reapExpired(context: WorkspaceContext): Promise<ReapResult> {
  const { workspaces } = context.records;
  await adoptWorkspaces(context, "vm");
  const expired = workspaces.list("vm").filter(isExpired);
  await sweepWorkspaces(context, "vm");
  context.host.sweepProcesses();
  const left = new Set(workspaces.list("vm").map((vm) => vm.workspaceId));
  return { reapedVmIds: expired.map((vm) => vm.workspaceId).filter((id) => !left.has(id)) };
}

/** The VM as it really is: past its time it is gone, and without its process it has failed. */
async function findVm(context: WorkspaceContext, vmId: string): Promise<WorkspaceRow> {
  const row = await lookUp(context, vmId);
  if (row?.expiresAt && isExpired(row))
    throw new PyroError("expired", `VM ${vmId} expired at ${row.expiresAt}.`, {
      hint: "Create another, with a longer ttlSeconds if it needs it.",
    });
  const vm = row && (await settle(context, row));
  if (vm !== undefined) return vm;
  throw new PyroError("vm_not_found", `There is no VM "${vmId}".`, {
    hint: "It may have been deleted or have expired; create another.",
  });
}

async function lookUp(context: WorkspaceContext, vmId: string): Promise<WorkspaceRow | undefined> {
  // Its directory is looked for.
  if (!isId(vmId, "vm")) return undefined;
  await adoptWorkspace(context, vmId);
  return context.records.workspaces.find(vmId);
}

async function lockVm(context: WorkspaceContext, { workspaceId }: WorkspaceRow): Promise<Lock> {
  const lock = await tryLock(context.files(workspaceId).lockPath).catch(() => undefined);
  if (lock !== undefined) return lock;
  throw changedMeanwhile(workspaceId);
}

function changedMeanwhile(vmId: string, cause?: unknown): PyroError {
  return new PyroError(
    "vm_state_conflict",
    `VM ${vmId} was changed by another process meanwhile.`,
    { hint: "Look at its status and try again.", cause },
  );
}

function describeVm(row: WorkspaceRow): Vm {
  const hasRun = row.driver !== "";
  return {
    vmId: row.workspaceId,
    environment: row.environment,
    state: vmStateOf(row),
    vcpuCount: row.vcpuCount,
    memMib: row.memMib,
    cpu: row.cpu,
    network: letsOut(row.networkPolicy),
    createdAt: row.createdAt,
    expiresAt: row.expiresAt ?? row.createdAt,
    driver: hasRun ? row.driver : null,
    executionMode: hasRun ? row.executionMode : null,
    isolation: hasRun ? row.isolation : null,
    failure: row.failure,
  };
}
