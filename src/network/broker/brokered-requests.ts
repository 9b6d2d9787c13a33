import type { BrokerParts } from "../../model/brokered-credential.ts";
import { checkRequest, type RequestHead } from "./check-request.ts";
import { isForHost } from "./credential-hosts.ts";
import { type Filled, fillRequest } from "./fill-request.ts";
import type { KnownValues } from "./known-values.ts";
import type { Destination, Header } from "./refusal.ts";

/** Requests on one connection, whatever the version of HTTP. */
export class BrokeredRequests {
  readonly destination: Destination;
  readonly values: KnownValues;
  readonly #parts: BrokerParts;

  constructor(
    destination: Destination,
    { parts, values }: { readonly parts: BrokerParts; readonly values: KnownValues },
  ) {
    this.destination = destination;
    this.values = values;
    this.#parts = parts;
  }

  /** What the host is asked instead. `authorities` is every place in which the request names its host. Throws a `Refusal`. */
  async prepare(head: RequestHead, authorities: readonly string[]): Promise<Filled> {
    const { host, port } = this.destination;
    checkRequest(head, authorities, this.destination);
    const credentials = this.#parts.credentials().filter((one) => isForHost(one, host, port));
    // All of them, used or not: what the host may answer with is known before it is asked.
    const values = await Promise.all(
      credentials.map(async (one) => [one, await this.values.valueOf(one)] as const),
    );
    const filled = fillRequest(head, new Map(values));
    return { ...filled, headers: searchable(filled.headers, filled.used.length > 0) };
  }

  /** The host has answered a request. */
  answered({ used }: Filled, { method, status }: { method: string; status: number }): void {
    for (const { name } of used)
      this.#parts.told({ kind: "used", credential: name, ...this.destination, method, status });
  }

  refused(reason: string): void {
    this.#parts.told({ kind: "refused", ...this.destination, reason });
  }
}

/** Asks for answers that can be searched: not compressed, and after a value was sent, whole: pieces could be of one. */
function searchable(headers: readonly Header[], isWhole: boolean): readonly Header[] {
  const asked = headers.filter(
    ([name]) => !/^accept-encoding$/i.test(name) && !(isWhole && /^(if-)?range$/i.test(name)),
  );
  return [...asked, ["accept-encoding", "identity"]];
}
