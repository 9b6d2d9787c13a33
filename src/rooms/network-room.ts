import type { WorkspaceMethods } from "../methods/workspace-methods.ts";
import type { NetworkCheck, NetworkLog, WorkspaceNetwork } from "../model/network-results.ts";
import type { LearnedNetwork } from "../model/workspace-results.ts";
import type { LearnNetworkOptions } from "../workspace/commands/learn-network.ts";
import type { FollowNetworkOptions } from "../workspace/network/follow-network.ts";
import type { NetworkLogOptions } from "../workspace/network/manage-network.ts";

/** What one workspace may reach. Rules are `TARGET[:PORTS]`; see docs/network.md. */
export class NetworkRoom {
  readonly #methods: WorkspaceMethods;
  readonly #id: string;

  constructor(methods: WorkspaceMethods, id: string) {
    this.#methods = methods;
    this.#id = id;
  }

  show(): Promise<WorkspaceNetwork> {
    return this.#methods.showNetwork(this.#id);
  }

  allow(...allow: string[]): Promise<WorkspaceNetwork> {
    return this.#methods.changeNetwork(this.#id, { allow });
  }

  /** The same for a while, a day at most. */
  allowFor(forSeconds: number, ...allow: string[]): Promise<WorkspaceNetwork> {
    return this.#methods.changeNetwork(this.#id, { allow, forSeconds });
  }

  deny(...deny: string[]): Promise<WorkspaceNetwork> {
    return this.#methods.changeNetwork(this.#id, { deny });
  }

  /** Rules as they are shown, or their targets alone. */
  remove(...remove: string[]): Promise<WorkspaceNetwork> {
    return this.#methods.changeNetwork(this.#id, { remove });
  }

  check(target: string): Promise<NetworkCheck> {
    return this.#methods.checkNetwork(this.#id, target);
  }

  /** Runs a command while everything public is reachable, and says what would have let it pass. */
  learn(options: LearnNetworkOptions): Promise<LearnedNetwork> {
    return this.#methods.learnNetwork(this.#id, options);
  }

  log(options: NetworkLogOptions = {}): Promise<NetworkLog> {
    return this.#methods.logNetwork(this.#id, options);
  }

  /** The same one by one, and then what its programs go on to try, until it is cancelled or the workspace is gone. */
  follow(options: FollowNetworkOptions): Promise<void> {
    return this.#methods.followNetwork(this.#id, options);
  }
}
