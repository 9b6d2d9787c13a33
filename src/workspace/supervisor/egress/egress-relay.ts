import type { ClientHttp2Stream } from "node:http2";
import type { AgentClient } from "../../../channel/agent-client.ts";
import type {
  Egress,
  EgressAnswer,
  EgressOrigin,
  EgressQuestion,
} from "../../../channel/egress-client.ts";
import type { EgressDecision } from "../../../model/egress.ts";
import { limits } from "../../../model/limits.ts";
import { visibleText } from "../../../model/text.ts";
import { type Address, addressText, parseAddress } from "../../../network/address.ts";
import { decide, type PreparedPolicy } from "../../../network/decide.ts";
import { DialError, type Dialled, dial } from "../../../network/dial.ts";
import { NameResolver } from "../../../network/name-resolver.ts";
import { hostName } from "../../../network/rule.ts";
import { ForwardedConnection } from "../ports/forward-connection.ts";

/** What a program tried, and what was decided. */
export interface EgressAttempt extends EgressDecision {
  readonly host: string;
  readonly port: number;
  /** What it was decided about last; null where the name alone was denied. */
  readonly address: string | null;
}

/** What became of an allowed one. */
export interface EgressEnd {
  /** Why there was no connection; null where there was. */
  readonly failure: string | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface RelayParts {
  /** As it is now; asked for every decision. */
  readonly policy: () => PreparedPolicy;
  /** Told of every connection that was asked for. */
  readonly record: (attempt: EgressAttempt) => RecordedAttempt;
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

/** Nobody keeps a connection alive by silence: neither side has sent a byte for so long. */
const idleMs = 3_600_000;

type ConnectionQuestion = Extract<EgressQuestion, { kind: "connection" }>;
interface OpenConnection extends Dialled {
  readonly host: string | null;
  readonly port: number;
}

/** Makes the connections that a guest's programs ask for and its policy allows. The addresses that are decided about are those that are dialled. */
export class EgressRelay {
  readonly #parts: RelayParts;
  readonly #names = new NameResolver();
  readonly #open = new Set<OpenConnection>();
  /** Who waits for the guest to say whose a connection is, by its number. */
  readonly #origins = new Map<number, (origin: EgressOrigin) => void>();
  #pendingCount = 0;
  #egress: Egress | undefined;

  constructor(parts: RelayParts) {
    this.#parts = parts;
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
    void egress.closed.then(() => this.#cut(() => true));
  }

  /** Cuts the connections that the policy, as it is now, would not allow. */
  recheck(): void {
    const policy = this.#parts.policy();
    this.#cut((connection) => decide(policy, connection).verdict === "deny");
  }

  end(): void {
    this.#egress?.[Symbol.dispose]();
    this.#cut(() => true);
  }

  #cut(isOver: (connection: OpenConnection) => boolean): void {
    for (const connection of this.#open)
      if (isOver(connection)) connection.socket.resetAndDestroy();
  }

  /** A name that is denied whatever it means is nobody's to ask for: its connection is told why. */
  async #answerName(egress: Egress, id: number, name: string): Promise<void> {
    const host = hostName(name);
    if (host === undefined) return egress.answer(id, { answer: "unknown" });
    const { verdict } = decide(this.#parts.policy(), { host, address: null, port: null });
    if (verdict === "deny") return egress.answer(id, { answer: "ok" });
    const { kind } = await this.#names.lookUp(host);
    egress.answer(id, { answer: kind === "found" ? "ok" : kind });
  }

  async #answerConnection(
    egress: Egress,
    client: AgentClient,
    question: ConnectionQuestion,
  ): Promise<void> {
    if (this.#open.size + this.#pendingCount >= limits.egressConnectionsMax)
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
    const target = await this.#targetOf(question);
    if ("answer" in target) return target;
    const { host, addresses, decision } = target;
    const { port } = question;
    const [first] = addresses;
    const attempt = {
      ...decision,
      host: visibleText(question.host, 255),
      port,
      address: first === undefined ? null : addressText(first),
    };
    const recorded = this.#parts.record(attempt);
    void origin.then((known) => recorded.attribute(known));
    if (decision.verdict === "deny") return denied(decision);
    let dialled: Dialled;
    try {
      dialled = await dial(addresses, port);
    } catch (error) {
      const { failure, message } = error instanceof DialError ? error : new DialError("failed", "");
      recorded.end({ failure: failure.replace("_", " "), sentBytes: 0, receivedBytes: 0 });
      return { answer: failure, reason: message };
    }
    // The policy may have changed meanwhile.
    const connection = { ...dialled, host, port };
    const latest = decide(this.#parts.policy(), connection);
    if (latest.verdict === "deny") {
      dialled.socket.destroy();
      recorded.end({ failure: latest.reason, sentBytes: 0, receivedBytes: 0 });
      return denied(latest);
    }
    const stream = () => client.egress.connection(question.id);
    this.#join(connection, { stream, recorded });
    return undefined;
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

  /** What would be dialled, or what is wrong with what was asked for. */
  async #targetOf(question: ConnectionQuestion): Promise<Target | EgressAnswer> {
    const { port } = question;
    const policy = this.#parts.policy();
    const address = parseAddress(question.host);
    if (address !== undefined)
      return {
        host: null,
        addresses: [address],
        decision: decide(policy, { host: null, address, port }),
      };
    const host = hostName(question.host);
    if (host === undefined) return { answer: "failed", reason: "that is no host" };
    const decision = decide(policy, { host, address: null, port });
    if (decision.verdict === "deny") return { host, addresses: [], decision };
    const found = await this.#names.lookUp(host);
    if (found.kind !== "found") return { answer: "unreachable", reason: `${host} is unknown` };
    const latest = this.#parts.policy();
    const decided = found.addresses.map((one) => ({
      address: one,
      decision: decide(latest, { host, address: one, port }),
    }));
    const allowed = decided.filter(({ decision: { verdict } }) => verdict === "allow");
    const [best] = allowed.length > 0 ? allowed : decided;
    if (best === undefined) return { answer: "unreachable", reason: `${host} has no address` };
    const of = allowed.length > 0 ? allowed : [best];
    return { host, addresses: of.map((one) => one.address), decision: best.decision };
  }

  #join(
    connection: OpenConnection,
    parts: { readonly stream: () => ClientHttp2Stream; readonly recorded: RecordedAttempt },
  ): void {
    const { socket } = connection;
    this.#open.add(connection);
    socket.once("close", () => {
      this.#open.delete(connection);
      parts.recorded.end({
        failure: null,
        sentBytes: socket.bytesWritten,
        receivedBytes: socket.bytesRead,
      });
    });
    socket.setTimeout(idleMs, () => socket.resetAndDestroy());
    try {
      ForwardedConnection.open(socket, parts.stream());
    } catch {
      // The guest is gone.
      socket.destroy();
    }
  }
}

interface Target {
  readonly host: string | null;
  readonly addresses: readonly Address[];
  readonly decision: EgressDecision;
}

const tooMany: EgressAnswer = {
  answer: "failed",
  reason: `${limits.egressConnectionsMax} connections are open, and there cannot be more`,
};

function denied({ rule, reason }: EgressDecision): EgressAnswer {
  return { answer: "denied", rule, reason };
}
