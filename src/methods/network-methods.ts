import type { NetworkCheck, NetworkLog, WorkspaceNetwork } from "../model/network-results.ts";
import type { LearnedNetwork } from "../model/workspace-results.ts";
import type { LearnNetworkOptions } from "../workspace/commands/learn-network.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import type { FollowNetworkOptions } from "../workspace/network/follow-network.ts";
import type {
  ChangeNetworkOptions,
  NetworkLogOptions,
} from "../workspace/network/manage-network.ts";
import { SecretMethods } from "./secret-methods.ts";

// Loaded when they are asked for: most workspaces are let out nowhere.
const managing = () => import("../workspace/network/manage-network.ts");
const learning = () => import("../workspace/commands/learn-network.ts");
const following = () => import("../workspace/network/follow-network.ts");

/** What commands of a workspace may reach, and what they tried to. */
export class NetworkMethods extends SecretMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
  }

  async showNetwork(id: string): Promise<WorkspaceNetwork> {
    const { showNetwork } = await managing();
    return showNetwork(this.#context, id);
  }

  /** From the next connection on; open ones that are not allowed any more are cut. */
  async changeNetwork(id: string, options: ChangeNetworkOptions): Promise<WorkspaceNetwork> {
    const { changeNetwork } = await managing();
    return changeNetwork(this.#context, id, options);
  }

  /** Whether `target`, HOST[:PORT] or ADDRESS[:PORT], may be reached, and by which rule. The port is 443 by default. */
  async checkNetwork(id: string, target: string): Promise<NetworkCheck> {
    const { checkNetwork } = await managing();
    return checkNetwork(this.#context, id, target);
  }

  /** What programs tried to reach, allowed and denied, the oldest first. */
  async logNetwork(id: string, options: NetworkLogOptions = {}): Promise<NetworkLog> {
    const { logNetwork } = await managing();
    return logNetwork(this.#context, id, options);
  }

  /** Runs a command while everything public is reachable, and says what would have let it pass; `apply` makes that the workspace's rules. */
  async learnNetwork(id: string, options: LearnNetworkOptions): Promise<LearnedNetwork> {
    const { learnNetwork } = await learning();
    return learnNetwork(this.#context, id, options);
  }

  /** The same one by one, and then what they go on to try, until it is cancelled or the workspace is gone. */
  async followNetwork(id: string, options: FollowNetworkOptions): Promise<void> {
    const { followNetwork } = await following();
    return followNetwork(this.#context, id, options);
  }
}
