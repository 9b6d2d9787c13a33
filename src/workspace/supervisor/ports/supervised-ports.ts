import type { AgentClient } from "../../../channel/agent-client.ts";
import { asPyroError, PyroError } from "../../../model/errors.ts";
import { limits } from "../../../model/limits.ts";
import type { PortRow } from "../../../registry/published-ports.ts";
import { now, type WorkspaceRecords } from "../../records/workspace-records.ts";
import { PublishedPorts } from "./published-ports.ts";

/** How often it is written down that connections are refused: a flood of them must not fill the journal. */
const refusalIntervalMs = 60_000;

export interface SupervisedPortsParts {
  readonly workspaceId: string;
  readonly records: WorkspaceRecords;
  readonly client: () => AgentClient;
}

/** The published ports of a running workspace, as the registry has them. */
export class SupervisedPorts implements AsyncDisposable {
  readonly #workspaceId: string;
  readonly #records: WorkspaceRecords;
  readonly #published: PublishedPorts;
  #refusedAt = -Infinity;

  constructor({ workspaceId, records, client }: SupervisedPortsParts) {
    this.#workspaceId = workspaceId;
    this.#records = records;
    this.#published = new PublishedPorts({
      client,
      onRefused: (guestPort) => this.#refused(guestPort),
    });
  }

  /** Listens and writes that down; a port that leads there already stays as it is. Host port 0 is any that is free. */
  async publish({ hostPort, guestPort, service }: PortRow): Promise<PortRow> {
    const known = this.#rows().find(
      (row) => row.guestPort === guestPort && (hostPort === 0 || row.hostPort === hostPort),
    );
    if (known?.service === service && this.#published.isPublished(known.hostPort)) return known;
    const port = await this.#listen(hostPort, guestPort);
    const row = { hostPort: port, guestPort, service };
    this.#records.ports.put(this.#workspaceId, row);
    if (service === null) this.#record(`port ${guestPort} published at 127.0.0.1:${port}`);
    return row;
  }

  async #listen(hostPort: number, guestPort: number): Promise<number> {
    try {
      return await this.#published.publish({ hostPort, guestPort });
    } catch (error) {
      const holder = this.#otherWorkspaceAt(hostPort);
      const { code, message } = asPyroError(error);
      if (holder === undefined || code !== "port_unavailable" || !/ taken/.test(message))
        throw error;
      throw new PyroError(
        "port_unavailable",
        `Port ${hostPort} of this machine is taken: workspace ${holder} has published on it.`,
        { hint: "Choose another, or none: a free one is found and reported.", cause: error },
      );
    }
  }

  #otherWorkspaceAt(hostPort: number): string | undefined {
    return this.#records.ports
      .workspacesAt(hostPort)
      .find((id) => this.#records.workspaces.find(id)?.state === "started");
  }

  /** Listens no more; false when it was not published. */
  unpublish(hostPort: number): boolean {
    this.#published.unpublish(hostPort);
    const isRemoved = this.#records.ports.remove(this.#workspaceId, hostPort);
    if (isRemoved) this.#record(`127.0.0.1:${hostPort} published no more`);
    return isRemoved;
  }

  /** The ports of a service end with it. */
  endOf(service: string): void {
    for (const row of this.#rows()) {
      if (row.service !== service) continue;
      this.#published.unpublish(row.hostPort);
      this.#records.ports.remove(this.#workspaceId, row.hostPort);
    }
  }

  /** Listens again where an earlier supervisor did. */
  async restore(isLive: (service: string) => boolean): Promise<void> {
    for (const row of this.#rows()) {
      if (row.service !== null && !isLive(row.service)) continue;
      await this.#published.publish(row).catch((error: unknown) => {
        this.#records.ports.remove(this.#workspaceId, row.hostPort);
        this.#record(`port ${row.guestPort} published no more: ${asPyroError(error).message}`);
      });
    }
  }

  #rows(): PortRow[] {
    return this.#records.ports.list(this.#workspaceId);
  }

  #refused(guestPort: number): void {
    if (performance.now() - this.#refusedAt < refusalIntervalMs) return;
    this.#refusedAt = performance.now();
    this.#record(
      `connections to port ${guestPort} are refused: ${limits.forwardedConnectionsMax} are open, and there cannot be more`,
    );
  }

  #record(text: string): void {
    try {
      this.#records.journal.record({
        workspaceId: this.#workspaceId,
        at: now(),
        kind: "port",
        text,
      });
    } catch {
      // A full disk keeps nobody from his connection.
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#published[Symbol.asyncDispose]();
  }
}
