import type { AgentClient } from "../../../channel/agent-client.ts";
import type { BrokerParts } from "../../../model/brokered-credential.ts";
import { asPyroError, PyroError } from "../../../model/errors.ts";
import { letsOut } from "../../../model/machine-options.ts";
import { Proxies } from "../../../network/proxies/proxies.ts";
import { keptProxies } from "../../records/kept-proxies.ts";
import { now, type WorkspaceRecords } from "../../records/workspace-records.ts";
import { LiveCredentials } from "../credentials/live-credentials.ts";
import { RefusalNews } from "../credentials/refusal-news.ts";
import { ConnectionLog } from "./connection-log.ts";
import { EgressRelay } from "./egress-relay.ts";
import { LivePolicy } from "./live-policy.ts";

export interface SupervisedEgressParts {
  readonly workspaceId: string;
  readonly records: WorkspaceRecords;
  /** Where the proxies are kept. */
  readonly proxiesPath: string;
}

/** The way out of one running workspace. */
export class SupervisedEgress {
  readonly #workspaceId: string;
  readonly #records: WorkspaceRecords;
  readonly #log: ConnectionLog;
  readonly #policy: LivePolicy;
  readonly #proxiesPath: string;
  readonly #broker: BrokerParts;
  /** Of the guest's agent that is there now. */
  #relay: EgressRelay | undefined;

  constructor({ workspaceId, records, proxiesPath }: SupervisedEgressParts) {
    this.#workspaceId = workspaceId;
    this.#records = records;
    this.#log = new ConnectionLog(workspaceId, records.connections);
    this.#policy = new LivePolicy(() => {
      const row = records.workspaces.find(workspaceId);
      return row !== undefined && letsOut(row.networkPolicy) ? row.egress : undefined;
    });
    this.#proxiesPath = proxiesPath;
    this.#broker = brokerOf(workspaceId, records);
  }

  /** Lets the guest out, as far as the policy goes, until its channel ends. */
  async follow(client: AgentClient): Promise<void> {
    try {
      const kept = keptProxies(this.#proxiesPath);
      this.#relay = new EgressRelay({
        policy: () => this.#policy.get(),
        proxies: kept === undefined ? Proxies.none : new Proxies(kept),
        record: (attempt) => this.#log.record(attempt),
        broker: this.#broker,
      });
      await this.#relay.follow(client);
    } catch (error) {
      const text = `the guest's way out did not open: ${asPyroError(error).message}`;
      this.#records.journal.record({
        workspaceId: this.#workspaceId,
        at: now(),
        kind: "network",
        text,
      });
    }
  }

  /** Cuts what a policy that changed meanwhile does not allow. */
  look(): void {
    this.#relay?.recheck();
  }

  /** What commands tried so far is known to whoever asks. */
  flush(): void {
    this.#log.flush();
  }

  end(): void {
    this.#relay?.end();
    this.#log.flush();
  }
}

/** Of the credentials that the workspace has at any time. */
function brokerOf(workspaceId: string, records: WorkspaceRecords): BrokerParts {
  const kept = records.secrets(workspaceId);
  const live = new LiveCredentials({
    secrets: () => kept.list(),
    learn: (name, value) => kept.learn(name, value),
  });
  const news = new RefusalNews((text) =>
    records.journal.record({ workspaceId, at: now(), kind: "credential", text }),
  );
  return {
    credentials: () => live.list(),
    ca: async () => {
      const ca = kept.ca();
      if (ca === undefined) throw new PyroError("internal", "There is no certificate authority.");
      return ca;
    },
    told: (event) => news.tell(event),
  };
}
