import type { PortToPublish } from "../model/service-definition.ts";
import type {
  PortList,
  PortPublished,
  PortUnpublished,
  ServiceList,
  ServiceLogs,
  WorkspaceService,
} from "../model/service-results.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import { listPorts, publishPort, unpublishPort } from "../workspace/ports/manage-ports.ts";
import {
  listServices,
  restartService,
  startService,
  statusService,
  stopService,
} from "../workspace/services/manage-services.ts";
import { followServiceLogs, logsService } from "../workspace/services/read-service-logs.ts";
import type {
  FollowServiceLogsOptions,
  ServiceLogsOptions,
  ServiceOptions,
  StartServiceOptions,
} from "../workspace/services/service-options.ts";
import { ReviewMethods } from "./review-methods.ts";

/** What runs on in a workspace, and how this machine reaches it. */
export class ServiceMethods extends ReviewMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
  }

  /** Starts a named program and waits until it is ready; it then outlives this process. */
  startService(id: string, name: string, options: StartServiceOptions): Promise<WorkspaceService> {
    return startService(this.#context, id, { ...options, name });
  }

  /** By name, those that are over included. */
  listServices(id: string): Promise<ServiceList> {
    return listServices(this.#context, id);
  }

  statusService(id: string, name: string): Promise<WorkspaceService> {
    return statusService(this.#context, id, name);
  }

  /** What a service wrote: the last lines, or all that is kept. */
  logsService(id: string, name: string, options: ServiceLogsOptions = {}): Promise<ServiceLogs> {
    return logsService(this.#context, id, { ...options, name });
  }

  /** The same line by line, and then what it goes on to write until it is over. */
  followServiceLogs(id: string, name: string, options: FollowServiceLogsOptions): Promise<void> {
    return followServiceLogs(this.#context, id, { ...options, name });
  }

  /** Stops a service and everything it started. */
  stopService(id: string, name: string, options: ServiceOptions = {}): Promise<WorkspaceService> {
    return stopService(this.#context, id, { ...options, name });
  }

  /** Stops a service, if it runs, and starts it as it was asked for. */
  restartService(
    id: string,
    name: string,
    options: ServiceOptions = {},
  ): Promise<WorkspaceService> {
    return restartService(this.#context, id, { ...options, name });
  }

  /** Lets this machine, and nobody else, reach a port of the guest at 127.0.0.1. */
  publishPort(id: string, port: PortToPublish): Promise<PortPublished> {
    return publishPort(this.#context, id, port);
  }

  listPorts(id: string): Promise<PortList> {
    return listPorts(this.#context, id);
  }

  unpublishPort(id: string, hostPort: number): Promise<PortUnpublished> {
    return unpublishPort(this.#context, id, hostPort);
  }
}
