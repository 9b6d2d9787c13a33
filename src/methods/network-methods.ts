import type { NetworkCheck, NetworkLog, WorkspaceNetwork } from "../model/network-results.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import { type FollowNetworkOptions, followNetwork } from "../workspace/network/follow-network.ts";
import {
  type ChangeNetworkOptions,
  changeNetwork,
  checkNetwork,
  logNetwork,
  type NetworkLogOptions,
  showNetwork,
} from "../workspace/network/manage-network.ts";
import { SecretMethods } from "./secret-methods.ts";

/** What commands of a workspace may reach, and what they tried to. */
export class NetworkMethods extends SecretMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
  }

  showNetwork(id: string): Promise<WorkspaceNetwork> {
    return showNetwork(this.#context, id);
  }

  /** From the next connection on; open ones that are not allowed any more are cut. */
  changeNetwork(id: string, options: ChangeNetworkOptions): Promise<WorkspaceNetwork> {
    return changeNetwork(this.#context, id, options);
  }

  /** Whether `target`, HOST[:PORT] or ADDRESS[:PORT], may be reached, and by which rule. The port is 443 by default. */
  checkNetwork(id: string, target: string): Promise<NetworkCheck> {
    return checkNetwork(this.#context, id, target);
  }

  /** What programs tried to reach, allowed and denied, the oldest first. */
  logNetwork(id: string, options: NetworkLogOptions = {}): Promise<NetworkLog> {
    return logNetwork(this.#context, id, options);
  }

  /** The same one by one, and then what they go on to try, until it is cancelled or the workspace is gone. */
  followNetwork(id: string, options: FollowNetworkOptions): Promise<void> {
    return followNetwork(this.#context, id, options);
  }
}
