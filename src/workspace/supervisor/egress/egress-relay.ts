import type { AgentClient } from "../../../channel/agent-client.ts";
import type {
  Egress,
  EgressAnswer,
  EgressOrigin,
  EgressQuestion,
} from "../../../channel/egress-client.ts";
import type { BrokerParts } from "../../../model/brokered-credential.ts";
import type { EgressDecision } from "../../../model/egress.ts";
import { limits } from "../../../model/limits.ts";
import { visibleText } from "../../../model/text.ts";
import { type Address, addressText, parseAddress } from "../../../network/address.ts";
import { decide, type PreparedPolicy } from "../../../network/decide.ts";
import { asDialError } from "../../../network/dial.ts";
import type { Proxies } from "../../../network/proxies/proxies.ts";
import { reach } from "../../../network/reach.ts";
import { hostName } from "../../../network/rule.ts";
import { Targets, type Wanted } from "../../../network/target.ts";
import { type EgressEnd, type OpenConnection, OpenConnections } from "./open-connections.ts";
import { RelayBroker, type Service } from "./relay-broker.ts";

/** What a program tried, and what was decided. */
export interface EgressAttempt extends EgressDecision {
  readonly host: string;
  readonly port: number;
  /** What it was decided about last; null where the name alone decided. */
  readonly address: string | null;
}

export interface RelayParts {
  /** As it is now; asked for every decision. */
  readonly policy: () => PreparedPolicy;
  /** By which the outside is reached. */
  readonly proxies: Proxies;
  /** Told of every connection that was asked for. */
  readonly record: (attempt: EgressAttempt) => RecordedAttempt;
  /** What of a guest's connections credentials are put into; absent: nothing. */
  readonly broker?: BrokerParts | undefined;
}

/** Who is told more of one. */
export interface RecordedAttempt {
  /** Whose it is, once the guest has said so, or has had the time to. */
  attribute(origin: EgressOrigin): void;
  /** Of an allowed one. */
  end(end: EgressEnd): void;
}

/** A guest that knows whose a connection is says so at once. */
const attributionMs = 5_000;
const unknownOrigin: EgressOrigin = { group: null, program: "" };

type ConnectionQuestion = Extract<EgressQuestion, { kind: "connection" }>;

/** Makes the connections that a guest's programs ask for and its policy allows. The addresses that are decided about are those that are dialled. */
export class EgressRelay {
  readonly #parts: RelayParts;
  readonly #targets: Targets;
  readonly #broker: RelayBroker;
  readonly #open = new OpenConnections();
  /** Who waits for the guest to say whose a connection is, by its number. */
  readonly #origins = new Map<number, (origin: EgressOrigin) => void>();
  #pendingCount = 0;
  #egress: Egress | undefined;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.#targets = new Targets(parts);
    this.#broker = new RelayBroker(parts.broker);
  }

  /** Opens the guest's way out, until its channel ends. */
  async follow(client: AgentClient): Promise<void> {
    const egress = await client.egress.open((question) => {
      switch (question.kind) {
        case "name":
          void this.#answerName(egress, question.id, question.name);
          return;
        case "connection":
          void this.#answerConnection(egress, client, question);
          return;
        case "attribution":
          this.#origins.get(question.id)?.({
            group: question.group === null ? null : visibleText(question.group, 100),
            program: visibleText(question.program, 32),
          });
      }
    });
    this.#egress = egress;
    void egress.closed.then(() => this.#open.cut(() => true));
  }

  /** Cuts the connections that the policy, as it is now, would not allow. */
  recheck(): void {
    const policy = this.#parts.policy();
    this.#open.cut((destination) => decide(policy, destination).verdict === "deny");
  }

  end(): void {
    this.#egress?.[Symbol.dispose]();
    this.#open.cut(() => true);
  }

  async #answerName(egress: Egress, id: number, name: string): Promise<void> {
    const host = hostName(name);
    const answer = host === undefined ? "unknown" : await this.#targets.existence(host);
    egress.answer(id, { answer });
  }

  async #answerConnection(
    egress: Egress,
    client: AgentClient,
    question: ConnectionQuestion,
  ): Promise<void> {
    if (this.#open.count + this.#pendingCount >= limits.egressConnectionsMax)
      return egress.answer(question.id, tooMany);
    this.#pendingCount++;
    const origin = this.#originOf(question.id);
    try {
      const answer = await this.#connect(client, question, origin);
      if (answer !== undefined) egress.answer(question.id, answer);
    } catch {
      egress.answer(question.id, { answer: "failed" });
    } finally {
      this.#pendingCount--;
    }
  }

  /** Undefined once the connection is made. */
  async #connect(
    client: AgentClient,
    question: ConnectionQuestion,
    origin: Promise<EgressOrigin>,
  ): Promise<EgressAnswer | undefined> {
    const wanted = wantedOf(question);
    if (wanted === undefined) return { answer: "failed", reason: "that is no host" };
    const target = await this.#targets.find(wanted);
    if (target.isUnknown) return { answer: "unreachable", reason: `${wanted.host} is unknown` };
    const { decision, chosen } = target;
    const recorded = this.#record(question, decision, chosen[0]?.address ?? null);
    void origin.then((known) => recorded.attribute(known));
    if (decision.verdict === "deny") return denied(decision);
    let connection: OpenConnection;
    let serve: Service | undefined;
    try {
      serve = await this.#broker.for(wanted);
      connection = await reach(target);
    } catch (error) {
      const { failure, message, told } = asDialError(error);
      recorded.end({ ...nothingCarried, failure: told });
      return { answer: failure, reason: message };
    }
    // The policy may have changed meanwhile.
    const latest = decide(this.#parts.policy(), connection.destination);
    if (latest.verdict === "deny") {
      connection.socket.destroy();
      recorded.end({ ...nothingCarried, failure: latest.reason });
      return denied(latest);
    }
    const { socket } = connection;
    const dial = async () => (await reach(target)).socket;
    this.#open.join(connection, {
      stream: () => client.egress.connection(question.id),
      onEnd: (end) => recorded.end(end),
      serve: serve && ((guest) => serve(guest, { socket, dial })),
    });
    return undefined;
  }

  #record(
    { host, port }: ConnectionQuestion,
    decision: EgressDecision,
    address: Address | null,
  ): RecordedAttempt {
    const shown = address === null ? null : addressText(address);
    return this.#parts.record({ ...decision, host: visibleText(host, 255), port, address: shown });
  }

  /** Whose a connection is, once the guest has said so, or has had the time to. */
  #originOf(id: number): Promise<EgressOrigin> {
    return new Promise((resolve) => {
      const settle = (origin: EgressOrigin) => {
        clearTimeout(timer);
        this.#origins.delete(id);
        resolve(origin);
      };
      const timer = setTimeout(() => settle(unknownOrigin), attributionMs);
      this.#origins.set(id, settle);
    });
  }
}

/** Undefined where that is no host. */
function wantedOf({ host: text, port }: ConnectionQuestion): Wanted | undefined {
  const address = parseAddress(text);
  if (address !== undefined) return { host: null, address, port };
  const host = hostName(text);
  return host === undefined ? undefined : { host, address: null, port };
}

const nothingCarried = { sentBytes: 0, receivedBytes: 0 };

const tooMany: EgressAnswer = {
  answer: "failed",
  reason: `${limits.egressConnectionsMax} connections are open, and there cannot be more`,
};

function denied({ rule, reason }: EgressDecision): EgressAnswer {
  return { answer: "denied", rule, reason };
}
