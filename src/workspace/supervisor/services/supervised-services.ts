import type { AgentClient } from "../../../channel/agent-client.ts";
import type { AgentService } from "../../../channel/service-status.ts";
import { PyroError } from "../../../model/errors.ts";
import { limits } from "../../../model/limits.ts";
import { isLive, type ServiceDefinition } from "../../../model/service-definition.ts";
import { visibleText } from "../../../model/text.ts";
import type { PortRow } from "../../../registry/published-ports.ts";
import type { ServiceRow, ServiceStatus } from "../../../registry/services.ts";
import { now, type WorkspaceRecords } from "../../records/workspace-records.ts";
import type { SupervisedPorts } from "../ports/supervised-ports.ts";
import { PacedNews } from "./paced-news.ts";
import { statusOf } from "./service-status.ts";

/** A service that a client wants started. */
export interface WantedService {
  readonly name: string;
  readonly definition: ServiceDefinition;
  /** Goes on with the log of the one before. */
  readonly keepsLog: boolean;
  /** Where its ports were published before. Default: what the registry remembers. */
  readonly earlierPorts?: readonly PortRow[];
}

export interface SupervisedServicesParts {
  readonly workspaceId: string;
  readonly records: WorkspaceRecords;
  readonly ports: SupervisedPorts;
  readonly client: () => AgentClient;
}

/** The services of a running workspace: the guest's agent runs them, the registry remembers them. */
export class SupervisedServices {
  readonly #workspaceId: string;
  readonly #records: WorkspaceRecords;
  readonly #ports: SupervisedPorts;
  readonly #client: () => AgentClient;
  /** The agent's newest change that is written down, by service. */
  readonly #changes = new Map<string, number>();
  /** Those that are being started. */
  readonly #starting = new Set<string>();
  #news: PacedNews<AgentService> | undefined;
  #isOver = false;

  constructor({ workspaceId, records, ports, client }: SupervisedServicesParts) {
    this.#workspaceId = workspaceId;
    this.#records = records;
    this.#ports = ports;
    this.#client = client;
  }

  /** Writes down what becomes of the services of an agent, for as long as its channel lasts. */
  follow(client: AgentClient): void {
    // Another agent counts anew, and what the one before said is over.
    this.#changes.clear();
    const news = new PacedNews<AgentService>((told) => {
      if (news === this.#news) this.#note(told);
    });
    this.#news = news;
    let isFirst = true;
    const watching = client.services.watch((services) => {
      if (isFirst) this.#missing(services);
      isFirst = false;
      for (const told of services) news.push(told.name, told);
    });
    // What is not told of now, is when somebody asks.
    watching.catch(() => undefined);
  }

  /** The run is over: services that end now do so with their machine, which whoever records its end says of them. */
  end(): void {
    this.#isOver = true;
  }

  /** Listens again where an earlier supervisor did. */
  restorePorts(): Promise<void> {
    return this.#ports.restore((service) => this.#isLive(service));
  }

  async start({ name, definition, keepsLog, earlierPorts }: WantedService): Promise<void> {
    // It may have ended a moment ago.
    if (this.#isLive(name)) await this.refresh();
    if (this.#starting.has(name) || this.#isLive(name)) throw exists(this.#workspaceId, name);
    this.#starting.add(name);
    const before = this.#records.services.find(this.#workspaceId, name);
    try {
      await this.#publish(name, definition, earlierPorts);
      this.#put(newRow(name, definition));
      const wanted = { name, definition: this.#withSecrets(definition), keepsLog };
      this.#note(await this.#client().services.start(wanted));
      this.#record(`service ${name} started: ${visibleText(definition.command.join(" "))}`);
    } catch (error) {
      this.#ports.endOf(name);
      if (before === undefined) this.#records.services.remove(this.#workspaceId, name);
      else this.#put(before);
      throw error;
    } finally {
      this.#starting.delete(name);
    }
  }

  /** What the guest is told and nobody writes down. */
  #withSecrets({ secretEnv = {}, ...definition }: ServiceDefinition): ServiceDefinition {
    const secrets = this.#records.secrets(this.#workspaceId).variables(secretEnv);
    return { ...definition, env: { ...definition.env, ...secrets } };
  }

  /** A port that was given to it by chance is asked for again: whoever knows the address goes on. */
  async #publish(
    name: string,
    { publishedPorts }: ServiceDefinition,
    earlier: readonly PortRow[] = this.#records.ports.list(this.#workspaceId),
  ): Promise<void> {
    const own = earlier.filter(({ service }) => service === name);
    this.#ports.endOf(name);
    for (const { guestPort, hostPort = 0 } of publishedPorts) {
      const given = own.find((row) => row.guestPort === guestPort)?.hostPort;
      const wanted = { guestPort, service: name };
      if (hostPort !== 0 || given === undefined) await this.#ports.publish({ ...wanted, hostPort });
      else
        await this.#ports
          .publish({ ...wanted, hostPort: given })
          .catch(() => this.#ports.publish({ ...wanted, hostPort: 0 }));
    }
  }

  /** Waits until a service is ready or over. */
  async await(name: string, signal: AbortSignal): Promise<void> {
    this.#note(await this.#client().services.await(name, signal));
  }

  async stop(name: string, signal: AbortSignal): Promise<void> {
    this.#note(await this.#client().services.stop(name, signal));
  }

  /** Writes down what is true now. */
  async refresh(): Promise<void> {
    for (const told of await this.#client().services.list()) this.#note(told);
  }

  /** What an agent that is new does not know has ended with the one before. */
  #missing(known: readonly AgentService[]): void {
    if (this.#isOver) return;
    const names = new Set(known.map(({ name }) => name));
    for (const row of this.#records.services.list(this.#workspaceId)) {
      if (names.has(row.name) || !isLive(row.state) || this.#starting.has(row.name)) continue;
      const reason = "the guest's agent ended, and its services with it";
      this.#become(row, { ...row, state: "failed", reason, endedAt: now() });
    }
  }

  #note(told: AgentService): void {
    if (this.#isOver || told.change <= (this.#changes.get(told.name) ?? -1)) return;
    const row = this.#records.services.find(this.#workspaceId, told.name);
    // One that nobody remembers is not told of.
    if (row === undefined) return;
    const secrets = this.#records.secrets(this.#workspaceId).knownValues();
    this.#become(row, statusOf(told, secrets));
    this.#changes.set(told.name, told.change);
  }

  #become(row: ServiceRow, status: ServiceStatus): void {
    const { name, state: before } = row;
    this.#records.services.update(this.#workspaceId, name, status);
    if (!isLive(status.state)) this.#ports.endOf(name);
    const news = newsOf(name, status);
    if (status.state !== before && news !== undefined) this.#record(news);
  }

  #isLive(name: string): boolean {
    const row = this.#records.services.find(this.#workspaceId, name);
    return row !== undefined && isLive(row.state);
  }

  #put(row: ServiceRow): void {
    this.#records.services.put(this.#workspaceId, row, limits.servicesMax);
  }

  #record(text: string): void {
    this.#records.journal.record({
      workspaceId: this.#workspaceId,
      at: now(),
      kind: "service",
      text,
    });
  }
}

function newRow(name: string, definition: ServiceDefinition): ServiceRow {
  return {
    name,
    definition,
    isResumable: false,
    state: "starting",
    reason: null,
    startedAt: null,
    readyAt: null,
    endedAt: null,
    exitCode: null,
    signal: null,
    outOfMemory: false,
    restartCount: 0,
    lastProbe: null,
  };
}

/** One line for people about what a service has become. */
function newsOf(name: string, { state, reason }: ServiceStatus): string | undefined {
  switch (state) {
    case "running":
      return `service ${name} is ready`;
    case "restarting":
      return `service ${name} is started again: ${reason}`;
    case "stopped":
      return `service ${name} stopped`;
    case "exited":
      return `service ${name} ended with exit code 0`;
    case "failed":
      return `service ${name} failed: ${reason}`;
    case "starting":
    case "stopping":
      return undefined;
  }
}

function exists(workspaceId: string, name: string): PyroError {
  return new PyroError("service_exists", `Service "${name}" runs already.`, {
    hint: `Restart it: pyro workspace service restart ${workspaceId} ${name}, or stop it first.`,
  });
}
