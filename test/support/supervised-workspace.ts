import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Duplex, duplexPair } from "node:stream";
import { AgentClient } from "../../src/channel/agent-client.ts";
import type { Machine } from "../../src/drivers/driver.ts";
import { defaultEgressPolicy } from "../../src/model/egress.ts";
import { emptySeed } from "../../src/model/empty-seed.ts";
import {
  currentBootId,
  identifyProcess,
  killProcess,
  type ProcessIdentity,
} from "../../src/platform/processes.ts";
import { tryConnectUnix } from "../../src/platform/unix-socket.ts";
import type { WorkspaceRow } from "../../src/registry/workspaces.ts";
import {
  type WorkspaceFiles,
  workspaceFiles,
} from "../../src/workspace/records/workspace-files.ts";
import { now, WorkspaceRecords } from "../../src/workspace/records/workspace-records.ts";
import { superviseWorkspace } from "../../src/workspace/supervisor/supervise.ts";
import { type Lie, serveAgent } from "./lying-agent.ts";
import { until } from "./until.ts";

const workspaceId = "ws-000000000001";

/** A supervisor in this process, whose machine is a process that does nothing and whose guest says whatever a test wants. */
export class SupervisedWorkspace implements AsyncDisposable {
  readonly workspaceId = workspaceId;
  readonly records: WorkspaceRecords;
  readonly files: WorkspaceFiles;
  /** Settles when the supervisor ended. */
  supervised: Promise<void> = Promise.resolve();
  lie: Lie = (stream) => void stream.respond({ ":status": 500 }, { endStream: true });
  /** What it answers when it is asked for late output, which every supervisor does at once. */
  lateOutput: Lie = (stream) => void stream.respond({ ":status": 404 }, { endStream: true });
  readonly stateDirectory: string;
  readonly #process: ChildProcess;
  readonly #clients: AgentClient[] = [];
  readonly #channels: Duplex[] = [];

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.stateDirectory = mkdtempSync(join(tmpdir(), "pyro-supervised-"));
    this.files = workspaceFiles(this.stateDirectory, workspaceId);
    mkdirSync(this.files.directory, { recursive: true, mode: 0o700 });
    this.records = WorkspaceRecords.open(this.stateDirectory);
  }

  static async start(
    change: Partial<WorkspaceRow> = {},
    { outputBytesMax = 1 << 30 }: { readonly outputBytesMax?: number } = {},
  ): Promise<SupervisedWorkspace> {
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    await once(child, "spawn");
    const workspace = new SupervisedWorkspace(child);
    workspace.records.workspaces.insert({ ...newRow(workspace.machine.identity), ...change });
    workspace.supervise(outputBytesMax);
    return workspace;
  }

  /** Begins to look after the machine, as a new supervisor does. */
  supervise(outputBytesMax: number): void {
    this.supervised = superviseWorkspace({
      stateDirectory: this.stateDirectory,
      workspaceId,
      adopt: () => this.machine,
      outputBytesMax,
    });
    this.supervised.catch(() => undefined);
  }

  /** A connection of a client's own, once the supervisor takes one. */
  async connect(): Promise<AgentClient> {
    let socket: Socket | undefined;
    await until("the supervisor listens", async () => {
      socket = await tryConnectUnix(this.files.supervisorSocketPath);
      return socket !== undefined;
    });
    const client = AgentClient.connectAttached(socket as unknown as Socket, { isSupervisor: true });
    this.#clients.push(client);
    return client;
  }

  get row(): WorkspaceRow | undefined {
    return this.records.workspaces.find(workspaceId);
  }

  /** Whether its machine was not ended. */
  get lives(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get machine(): Machine {
    const identity = this.#identity();
    return {
      identity,
      exited: new Promise((resolve) =>
        this.#process.once("exit", (exitCode, signal) =>
          resolve({ exitCode, signal, stderrTail: "" }),
        ),
      ),
      reopensChannel: true,
      openChannel: async () => {
        const [ours, guests] = duplexPair();
        this.#channels.push(ours, guests);
        serveAgent(guests, (stream, headers) => {
          const isLate = headers[":path"] === "/v1/late-output";
          return isLate ? this.lateOutput(stream, headers) : this.lie(stream, headers);
        });
        return ours;
      },
      consoleTail: () => "",
      leaveConsole: () => undefined,
      verifyConfinement: async () => undefined,
      kill: () => killProcess(identity),
      halt: () => killProcess(identity),
    };
  }

  /** Ends the machine as a crash does, its channel with it. */
  async break(): Promise<void> {
    await killProcess(this.#identity());
    for (const channel of this.#channels) channel.destroy();
  }

  #identity(): ProcessIdentity {
    const pid = this.#process.pid ?? 0;
    return identifyProcess(pid) ?? { pid, startTicks: "0", bootId: currentBootId() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.break();
    await this.supervised.catch(() => undefined);
    this.records[Symbol.dispose]();
    rmSync(this.stateDirectory, { recursive: true, force: true });
  }
}

function newRow(process: ProcessIdentity): WorkspaceRow {
  return {
    workspaceId,
    name: null,
    labels: {},
    environment: "debian:12",
    imageId: "image",
    state: "started",
    failure: null,
    work: null,
    driver: "stub",
    executionMode: "guest_virtio_serial",
    isolation: "emulated",
    egress: defaultEgressPolicy,
    networkPolicy: "off",
    vcpuCount: 1,
    memMib: 256,
    cpu: "v2",
    createdAt: now(),
    lastActivityAt: now(),
    expiresAt: null,
    deadline: null,
    workspaceSeed: emptySeed,
    baselineMark: null,
    resetCount: 0,
    lastResetAt: null,
    commandCount: 0,
    process,
    revision: 0,
  };
}
