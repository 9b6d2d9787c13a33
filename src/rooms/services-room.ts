import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type { ServiceList, ServiceLogs, WorkspaceService } from "../model/service-results.ts";
import type {
  FollowServiceLogsOptions,
  ServiceLogsOptions,
  ServiceOptions,
  StartServiceOptions,
} from "../workspace/services/service-options.ts";

/** The services of one workspace. */
export class ServicesRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  /** Starts a program with arguments, or a line of the guest's shell, and waits until it is ready. */
  start(
    name: string,
    command: string | readonly string[],
    options: Omit<StartServiceOptions, "command"> = {},
  ): Promise<WorkspaceService> {
    const words = typeof command === "string" ? ["sh", "-c", command] : command;
    return this.#methods.startService(this.#id, name, { ...options, command: words });
  }

  list(): Promise<ServiceList> {
    return this.#methods.listServices(this.#id);
  }

  status(name: string): Promise<WorkspaceService> {
    return this.#methods.statusService(this.#id, name);
  }

  logs(name: string, options?: ServiceLogsOptions): Promise<ServiceLogs> {
    return this.#methods.logsService(this.#id, name, options);
  }

  follow(name: string, options: FollowServiceLogsOptions): Promise<void> {
    return this.#methods.followServiceLogs(this.#id, name, options);
  }

  stop(name: string, options?: ServiceOptions): Promise<WorkspaceService> {
    return this.#methods.stopService(this.#id, name, options);
  }

  restart(name: string, options?: ServiceOptions): Promise<WorkspaceService> {
    return this.#methods.restartService(this.#id, name, options);
  }
}
