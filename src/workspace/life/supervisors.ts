import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentClient } from "../../channel/agent-client.ts";
import { asPyroError, PyroError, systemErrorCode } from "../../model/errors.ts";
import { visibleText } from "../../model/text.ts";
import { patience } from "../../platform/config.ts";
import { tryConnectUnix } from "../../platform/unix-socket.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import type { Attached } from "../machines/attach-agent.ts";
import { channelEnds, untilChannelIsFree } from "../machines/make-template.ts";
import { type WorkspaceFiles, workspaceFiles } from "../records/workspace-files.ts";
import { supervisorVersion } from "../supervisor/requests.ts";
import { type KeepSpareOptions, SpareSupervisor } from "./spare-supervisor.ts";
import { type SupervisorsParts, startSupervisor } from "./start-supervisor.ts";

/** Starting the process and attaching to the guest takes a tenth of it. */
const startDeadlineMs = 20_000;
const retryMs = 10;
/** A supervisor that comes before the guest has seen that somebody else is gone tries for longer than this. */
const releaseDeadlineMs = 250;
/** Within this time another one is not started, whoever started the first; each time longer, so that a busy host does not drown in them. */
const respawnMs = 500;
const respawnMsMax = 8_000;

/** Our connections to the supervisors of running workspaces. */
export class Supervisors {
  readonly #parts: SupervisorsParts;
  readonly #spare: SpareSupervisor;
  #hasSpawned = false;
  /** Machines that were let go of, until their guests have seen it. */
  readonly #released = new Map<string, Promise<void>>();
  readonly #clients = new Map<string, AgentClient>();
  /** Those whose supervisors were asked for their version. */
  readonly #usable = new WeakSet<AgentClient>();

  constructor(parts: SupervisorsParts) {
    this.#parts = parts;
    this.#spare = new SpareSupervisor(parts);
  }

  /** A connection to the workspace's supervisor, which is started when there is none. `check` throws once there will never be one. */
  async connect(row: WorkspaceRow, check: () => void): Promise<AgentClient> {
    const deadline = performance.now() + startDeadlineMs * patience();
    for (let patienceMs = respawnMs * patience(); ; ) {
      const client = await this.find(row.workspaceId);
      if (client !== undefined && (await this.#isUsable(client, row))) return client;
      check();
      if (performance.now() > deadline) throw this.#unavailable(row);
      if (this.#lastSpawnedMsAgo(row.workspaceId) > patienceMs) {
        this.spawn(row.workspaceId);
        patienceMs = Math.min(patienceMs * 2, respawnMsMax * patience());
      }
      await sleep(retryMs);
    }
  }

  /** Whether a supervisor, which may be another pyro's, understands us as we mean it. An older one makes way unless it is at work. */
  async #isUsable(client: AgentClient, row: WorkspaceRow): Promise<boolean> {
    if (this.#usable.has(client)) return true;
    try {
      const version = await client.supervisor.version();
      if (version > supervisorVersion) throw tooNew(row, version);
      if (version < supervisorVersion && (await client.supervisor.stepAside()))
        return this.#giveUp(row);
    } catch (error) {
      // It ended while it was asked.
      if (asPyroError(error).code === "guest_lost") return this.#giveUp(row);
      throw error;
    }
    this.#usable.add(client);
    return true;
  }

  #giveUp({ workspaceId }: WorkspaceRow): false {
    this.forget(workspaceId);
    return false;
  }

  /** A connection to a supervisor that is there already. */
  async find(workspaceId: string): Promise<AgentClient | undefined> {
    const known = this.#clients.get(workspaceId);
    // One that was killed a moment ago shows only when it is spoken to.
    if (known !== undefined && (await known.isAnswering())) return known;
    const socket = await tryConnectUnix(this.#files(workspaceId).supervisorSocketPath);
    if (socket === undefined) return undefined;
    // Whoever asked at the same time may have connected first, and be using it.
    const other = this.#clients.get(workspaceId);
    if (other !== undefined && !other.isClosed) {
      socket.destroy();
      return other;
    }
    const client = AgentClient.connectAttached(socket, { keepsProcess: false, isSupervisor: true });
    this.#clients.set(workspaceId, client);
    // A process that is ending may still take connections.
    return (await client.isAnswering()) ? client : undefined;
  }

  /** Starts a supervisor and does not wait for it; it ends at once when it is not needed. */
  spawn(workspaceId: string): void {
    const log = openLog(this.#files(workspaceId).supervisorLogPath);
    // Without a directory there is no workspace.
    if (log === undefined) return;
    const { stateDirectory } = this.#parts.config;
    this.#hasSpawned = true;
    try {
      const order = { stateDirectory, workspaceId };
      const when = this.#released.get(workspaceId) ?? Promise.resolve();
      if (this.#spare.give(order, { when, instead: () => this.spawn(workspaceId) })) return;
      startSupervisor(this.#parts, [stateDirectory, workspaceId], ["ignore", "ignore", log]);
    } finally {
      closeSync(log);
    }
  }

  /**
   * Lets go of a workspace's machine, for which a supervisor is to be spawned next. One that waits would be there before the guest has
   * seen that we are gone, and not be heard; an ordinary one takes longer to start.
   */
  release(workspaceId: string, { machine, client }: Attached): void {
    const endsBefore = channelEnds(machine);
    client.close();
    if (!this.#spare.isWaiting) {
      machine.leaveConsole();
      return;
    }
    const seen = untilChannelIsFree(machine, endsBefore, releaseDeadlineMs)
      .catch(() => undefined)
      .finally(() => {
        machine.leaveConsole();
        this.#released.delete(workspaceId);
      });
    this.#released.set(workspaceId, seen);
  }

  /** Has a supervisor wait for the next workspace, where there have been workspaces. */
  async keepSpare(options: KeepSpareOptions): Promise<void> {
    if (this.#hasSpawned) await this.#spare.keep(options);
  }

  endSpare(): void {
    this.#spare.end();
  }

  /** Since any process started a supervisor, as the log tells that each of them begins anew. */
  #lastSpawnedMsAgo(workspaceId: string): number {
    const log = statSync(this.#files(workspaceId).supervisorLogPath, { throwIfNoEntry: false });
    return log === undefined ? Infinity : Math.abs(Date.now() - log.mtimeMs);
  }

  /** Gives a connection up, when what was on the other end is known to be gone. */
  forget(workspaceId: string): void {
    this.#clients.get(workspaceId)?.close();
    this.#clients.delete(workspaceId);
  }

  close(): void {
    this.endSpare();
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #files(workspaceId: string): WorkspaceFiles {
    return workspaceFiles(this.#parts.config.stateDirectory, workspaceId);
  }

  #unavailable({ workspaceId }: WorkspaceRow): PyroError {
    const path = this.#files(workspaceId).supervisorLogPath;
    const said = readLog(path);
    return new PyroError(
      "supervisor_unavailable",
      `The supervisor of workspace ${workspaceId} did not start within ${(startDeadlineMs * patience()) / 1000} s${said && `: ${said}`}.`,
      { hint: `Try again; if it stays so, stop it: pyro workspace stop ${workspaceId}` },
    );
  }
}

function tooNew({ workspaceId }: WorkspaceRow, version: number): PyroError {
  return new PyroError(
    "not_supported",
    `Workspace ${workspaceId} is looked after by a newer pyro (version ${version} of its requests; this one knows ${supervisorVersion}).`,
    { hint: "Use that pyro, and start MCP servers of the older one anew." },
  );
}

function openLog(path: string): number | undefined {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function readLog(path: string): string {
  try {
    return visibleText(readFileSync(path, "utf8").trim().slice(-400), 400);
  } catch {
    return "";
  }
}
