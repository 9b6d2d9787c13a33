import { type Stats, statSync } from "node:fs";
import type { AgentClient } from "../../channel/agent-client.ts";
import type { Machine } from "../../drivers/driver.ts";
import { PyroError } from "../../model/errors.ts";
import { letsOut } from "../../model/machine-options.ts";
import { faultPoint } from "../../platform/fault.ts";
import { tryLock } from "../../platform/lock.ts";
import { isAlive } from "../../platform/processes.ts";
import { SpareMemory } from "../../platform/spare-memory.ts";
import type { WorkspaceRow } from "../../registry/workspaces.ts";
import { attachAgent } from "../machines/attach-agent.ts";
import { powerOff, stoppedText } from "../machines/power-off.ts";
import { guardianWord } from "../records/guardian-word.ts";
import { removeWorkspace } from "../records/remove-workspace.ts";
import { type WorkspaceFiles, workspaceFiles } from "../records/workspace-files.ts";
import { now, WorkspaceRecords } from "../records/workspace-records.ts";
import { isExpired, msLeft } from "../records/workspace-states.ts";
import { Activity } from "./activity.ts";
import type { SupervisedEgress } from "./egress/supervised-egress.ts";
import { GuestClock } from "./guest-clock.ts";
import { KeptOutput, type OutputPlace } from "./kept-output.ts";
import { LateEnds } from "./late-ends.ts";
import { LateOutput } from "./late-output.ts";
import { placeSecrets } from "./place-secrets.ts";
import { SupervisedPorts } from "./ports/supervised-ports.ts";
import type { EndMode } from "./requests.ts";
import { serveOn } from "./serve-on.ts";
import { SupervisedServices } from "./services/supervised-services.ts";

const attachDeadlineMs = 10_000;
/** How often we look at what nobody tells us; a sleeping host stops timers, so an expiry is looked at as well. */
const lookMs = 5_000;

export interface SupervisorParts {
  readonly stateDirectory: string;
  readonly workspaceId: string;
  /** Takes over the running machine of a row. */
  readonly adopt: (row: WorkspaceRow, socketsDirectory: string) => Machine;
  /** Room that the output of all commands together may take. */
  readonly outputBytesMax: number;
}

/** Looks after one running workspace until it stops, fails, expires or is given up. */
export async function superviseWorkspace(parts: SupervisorParts): Promise<void> {
  const files = workspaceFiles(parts.stateDirectory, parts.workspaceId);
  using lock = await tryLock(files.lockPath);
  // Somebody else looks after it, or is changing it.
  if (lock === undefined) return;
  using records = WorkspaceRecords.open(parts.stateDirectory, { outlivesMigrations: true });
  const row = records.workspaces.find(parts.workspaceId);
  if (row?.state !== "started" || row.process === null) return;
  const machine = parts.adopt(row, files.socketsDirectory);
  const supervisor = new Supervisor({
    row,
    files,
    records,
    machine,
    outputBytesMax: parts.outputBytesMax,
    egress: await egressOf(row, records, files),
  });
  await supervisor.run();
}

/** Of a workspace whose network policy lets it out; others need none of the code. */
async function egressOf(
  { workspaceId, networkPolicy }: WorkspaceRow,
  records: WorkspaceRecords,
  { proxiesPath }: WorkspaceFiles,
): Promise<SupervisedEgress | undefined> {
  if (!letsOut(networkPolicy)) return undefined;
  const { SupervisedEgress } = await import("./egress/supervised-egress.ts");
  return new SupervisedEgress({ workspaceId, records, proxiesPath });
}

class Supervisor {
  readonly #row: WorkspaceRow;
  readonly #files: WorkspaceFiles;
  readonly #records: WorkspaceRecords;
  readonly #machine: Machine;
  #client: AgentClient | undefined;
  /** What ended the workspace's run, once something did. */
  readonly #ended = Promise.withResolvers<PyroError>();
  #hasEnded = false;
  readonly #lateEnds = new LateEnds();
  readonly #kept: KeptOutput;
  readonly #lateOutput: LateOutput;
  readonly #ports: SupervisedPorts;
  readonly #services: SupervisedServices;
  /** Of a workspace whose network policy lets it out. */
  readonly #egress: SupervisedEgress | undefined;
  readonly #guestClock = new GuestClock();
  readonly #spareMemory = new SpareMemory();
  /** As it was when we took it: another one in its place is another workspace's. */
  readonly #lockFile: Stats;
  #ending: Promise<void> | undefined;

  constructor(parts: {
    row: WorkspaceRow;
    files: WorkspaceFiles;
    records: WorkspaceRecords;
    machine: Machine;
    outputBytesMax: number;
    egress: SupervisedEgress | undefined;
  }) {
    this.#row = parts.row;
    this.#files = parts.files;
    this.#records = parts.records;
    this.#machine = parts.machine;
    this.#kept = new KeptOutput(this.#place, parts.outputBytesMax);
    this.#lateOutput = new LateOutput(this.#place, this.#kept);
    this.#lockFile = statSync(parts.files.lockPath);
    const place = {
      workspaceId: this.#id,
      records: this.#records,
      client: () => this.#requireClient(),
    };
    this.#ports = new SupervisedPorts(place);
    this.#services = new SupervisedServices({ ...place, ports: this.#ports });
    this.#egress = parts.egress;
  }

  get #id(): string {
    return this.#row.workspaceId;
  }

  get #place(): OutputPlace {
    return {
      workspaceId: this.#id,
      journal: this.#records.journal,
      outputDirectory: this.#files.outputDirectory,
      secrets: this.#records.secrets(this.#id),
    };
  }

  async run(): Promise<void> {
    this.#records.journal.interruptRunning(this.#id, {
      at: now(),
      reason: "the workspace's supervisor ended",
    });
    try {
      await this.#attach();
    } catch (error) {
      this.#lost(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
      await this.#ending?.catch(() => undefined);
      return;
    }
    await using _ports = this.#ports;
    await this.#services.restorePorts();
    await using _server = await this.#listen();
    const looking = this.#lookRegularly();
    await this.#ended.promise;
    // Its failure is told to whoever asked for the end.
    await this.#ending?.catch(() => undefined);
    this.#lateEnds.retry();
    clearInterval(looking);
  }

  async #attach(): Promise<void> {
    if (!isAlive(this.#machine.identity)) {
      const word = guardianWord(this.#files);
      throw new PyroError("guest_lost", word ?? "its virtual machine is gone");
    }
    await this.#machine.verifyConfinement();
    const { client } = await attachAgent(this.#machine, attachDeadlineMs);
    const failure = await placeSecrets(client, this.#records.secrets(this.#id));
    if (failure !== undefined) this.#record("secret", `not placed in the guest: ${failure}`);
    this.#client = client;
    this.#services.follow(client);
    await this.#egress?.follow(client);
    void client.closed.then(() => this.#channelClosed());
    // What a guest that lies says there is lost, and nothing else.
    this.#lateOutput.collect(client).catch(() => undefined);
  }

  /** The guest's agent died, and another one takes its place; or the machine did. */
  async #channelClosed(): Promise<void> {
    if (this.#ending !== undefined) return;
    this.#client = undefined;
    try {
      await this.#attach();
    } catch {
      this.#lost(deathOf(this.#machine));
    }
  }

  async #listen(): Promise<AsyncDisposable> {
    return await serveOn(this.#files.supervisorSocketPath, {
      ...this.#place,
      kept: this.#kept,
      lateEnds: this.#lateEnds,
      client: () => this.#requireClient(),
      reasonOfLoss: () => this.#reasonOfLoss(),
      services: this.#services,
      ports: this.#ports,
      activity: new Activity(this.#place),
      egress: this.#egress,
      end: (mode) => this.#end(mode),
      stepAside: () => this.#stepAside(),
    });
  }

  #record(kind: string, text: string): void {
    this.#records.journal.record({ workspaceId: this.#id, at: now(), kind, text });
  }

  #requireClient(): AgentClient {
    if (this.#ending !== undefined)
      throw new PyroError("workspace_lost", `Workspace ${this.#id} is ending.`, {
        hint: `See what becomes of it: pyro workspace status ${this.#id}`,
      });
    if (this.#client !== undefined && !this.#client.isClosed) return this.#client;
    throw new PyroError("guest_lost", `The guest of workspace ${this.#id} does not answer.`, {
      hint: "Try again in a moment.",
    });
  }

  /** Waits a little for whatever cut the guest off to be known. */
  async #reasonOfLoss(): Promise<PyroError> {
    const unknown = new Promise<PyroError>((resolve) =>
      setTimeout(
        () =>
          resolve(
            new PyroError("guest_lost", "The guest's agent was lost while the command ran.", {
              hint: "The workspace lives on; run the command again.",
            }),
          ),
        1_500,
      ).unref(),
    );
    return Promise.race([this.#ended.promise, unknown]);
  }

  /** Ends the machine on behalf of a client; settles when it is done. An end that could not even begin may be tried again. */
  #end(mode: EndMode): Promise<void> {
    this.#ending ??= this.#endNow(mode).catch((error: unknown) => {
      if (!this.#hasEnded) this.#ending = undefined;
      throw error;
    });
    return this.#ending;
  }

  /** Ends without the machine, which another supervisor adopts as soon as we have given up its lock. */
  #stepAside(): void {
    this.#ending ??= Promise.resolve();
    this.#client?.close();
    this.#endRun(
      new PyroError("guest_lost", `Workspace ${this.#id} was handed over to a newer pyro.`, {
        hint: "Try again in a moment.",
      }),
    );
  }

  /** The run is over: what follows is this, whatever becomes of recording it. */
  #endRun(reason: PyroError): void {
    this.#hasEnded = true;
    this.#services.end();
    this.#egress?.end();
    this.#ended.resolve(reason);
  }

  async #endNow(mode: EndMode): Promise<void> {
    const { workspaces } = this.#records;
    const reason = new PyroError("workspace_lost", `Workspace ${this.#id} was ${ended[mode]}.`);
    faultPoint("end.asked");
    if (mode === "stop" && !workspaces.transition(this.#id, { from: ["started"], to: "stopping" }))
      throw reason;
    this.#endRun(reason);
    if (mode === "stop") {
      faultPoint("stop.recorded");
      const isForced = await powerOff(this.#machine, this.#client);
      faultPoint("stop.powered-off");
      this.#record("stopped", stoppedText(isForced));
      const change = { process: null };
      workspaces.transition(this.#id, { from: ["stopping"], to: "stopped", change });
    } else {
      await this.#machine.kill();
    }
    this.#client?.close();
    if (mode !== "expire") return;
    await removeWorkspace(this.#records, this.#row, { files: this.#files, reason: "expired" });
  }

  /** The machine is gone: broken, or ended by its guardian, which may notice a moment before us that its time is over. */
  #lost(failure: string): void {
    if (isExpired(this.#row)) this.#expire();
    else this.#fail(failure);
  }

  #fail(failure: string): void {
    this.#ending ??= this.#machine.kill();
    this.#ending.catch(() => undefined);
    this.#endRun(
      new PyroError("guest_lost", `Workspace ${this.#id} failed: ${failure}.`, {
        hint: `Its files are kept. Start it again: pyro workspace start ${this.#id}`,
      }),
    );
    try {
      const change = { failure, process: null };
      this.#records.workspaces.transition(this.#id, { from: ["started"], to: "failed", change });
      this.#record("failed", failure);
    } catch {
      // On a full disk, whoever looks at the workspace next finds its machine gone.
    }
  }

  #expire(): void {
    // Tried again at the next look, by us or by anybody.
    this.#end("expire").catch(() => undefined);
  }

  #lookRegularly(): NodeJS.Timeout {
    const leftMs = msLeft(this.#row);
    if (leftMs < lookMs) setTimeout(() => this.#look(), Math.max(0, leftMs)).unref();
    return setInterval(() => this.#look(), lookMs);
  }

  #look(): void {
    this.#lateEnds.retry();
    this.#guestClock.keep(this.#client);
    this.#egress?.look();
    this.#spareMemory.look();
    if (isExpired(this.#row)) this.#expire();
    else if (!isSameFile(this.#files.lockPath, this.#lockFile)) this.#abandon();
  }

  /** Nobody can reach the machine of a workspace whose directory is gone. */
  #abandon(): void {
    this.#end("kill").catch(() => undefined);
  }
}

function isSameFile(path: string, { dev, ino }: Stats): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.dev === dev && found.ino === ino;
}

const ended: Record<EndMode, string> = {
  stop: "stopped",
  kill: "ended to be reset or deleted",
  expire: "deleted because its time was over",
};

/** Why a machine is gone, from its last words. */
function deathOf(machine: Machine): string {
  const said = machine.consoleTail();
  if (/Kernel panic/.test(said)) return "the guest's kernel panicked";
  if (/reboot: (Restarting|Power down|machine restart)|sysrq: Resetting/.test(said))
    return "the guest restarted or powered itself off";
  return isAlive(machine.identity)
    ? "the guest's agent stopped answering"
    : "its virtual machine monitor ended unexpectedly";
}
