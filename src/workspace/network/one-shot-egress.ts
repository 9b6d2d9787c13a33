import type { AgentClient } from "../../channel/agent-client.ts";
import type { EgressPolicy } from "../../model/egress.ts";
import { limits } from "../../model/limits.ts";
import type { DeniedConnection } from "../../model/network-results.ts";
import { preparedHere } from "../../network/policy.ts";
import { Proxies } from "../../network/proxies/proxies.ts";
import { proxySettings } from "../../network/proxies/proxy-settings.ts";
import { EgressRelay } from "../supervisor/egress/egress-relay.ts";
import { sumDenied } from "./denied-connections.ts";
import type { OneShotCredentials } from "./one-shot-credentials.ts";

export interface OneShotWayOut {
  readonly policy: EgressPolicy;
  /** Default none. */
  readonly credentials?: OneShotCredentials | undefined;
}

/** The way out of a machine that lives for one command of this process. */
export class OneShotEgress implements Disposable {
  readonly #relay: EgressRelay;
  #denied: DeniedConnection[] = [];

  private constructor({ policy, credentials }: OneShotWayOut) {
    const prepared = preparedHere(policy);
    this.#relay = new EgressRelay({
      policy: () => prepared,
      proxies: new Proxies(proxySettings()),
      record: ({ verdict, host, port, rule }) => {
        if (verdict === "deny") this.#add({ host, port, rule, count: 1 });
        return { attribute: () => undefined, end: () => undefined };
      },
      broker: credentials?.brokerParts(),
    });
  }

  static async open(client: AgentClient, wayOut: OneShotWayOut): Promise<OneShotEgress> {
    const egress = new OneShotEgress(wayOut);
    await egress.#relay.follow(client);
    return egress;
  }

  get denied(): readonly DeniedConnection[] {
    return sumDenied(this.#denied);
  }

  #add(denied: DeniedConnection): void {
    this.#denied.push(denied);
    // A guest may try for ever.
    if (this.#denied.length > limits.networkLogMax)
      this.#denied = sumDenied(this.#denied).slice(-limits.networkLogMax / 2);
  }

  [Symbol.dispose](): void {
    this.#relay.end();
  }
}
