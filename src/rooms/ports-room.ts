import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type { PortList, PortPublished, PortUnpublished } from "../model/service-results.ts";

/** The published ports of one workspace. */
export class PortsRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  /** Without a port of the host, one that is free is found. */
  publish(guestPort: number, hostPort?: number): Promise<PortPublished> {
    return this.#methods.publishPort(this.#id, { guestPort, hostPort });
  }

  list(): Promise<PortList> {
    return this.#methods.listPorts(this.#id);
  }

  unpublish(hostPort: number): Promise<PortUnpublished> {
    return this.#methods.unpublishPort(this.#id, hostPort);
  }
}
