import type { Socket } from "node:net";
import { isSame } from "./address.ts";
import type { Destination } from "./decide.ts";
import { DialError, dial } from "./dial.ts";
import type { Target } from "./target.ts";

/** A connection, and which of the candidates it is to. */
export interface Reached {
  readonly socket: Socket;
  readonly destination: Destination;
}

/** Connects to one of the chosen candidates, the way that was chosen. Throws `DialError`. */
export async function reach({ chosen, proxy }: Target): Promise<Reached> {
  const [first] = chosen;
  if (first === undefined) throw new DialError("failed", "there is nothing to connect to");
  if (proxy === null) {
    const addresses = chosen.flatMap(({ address }) => (address === null ? [] : [address]));
    const { socket, address } = await dial(addresses, first.port);
    return { socket, destination: chosen.find((one) => isTo(one, address)) ?? first };
  }
  // Most machines have no proxy.
  const { dialByProxy } = await import("./proxies/dial-by-proxy.ts");
  const asked = chosen.map(({ host, address }) => address ?? host ?? "");
  const { socket, index } = await dialByProxy(proxy, asked, first.port);
  return { socket, destination: chosen[index] ?? first };
}

function isTo({ address }: Destination, other: NonNullable<Destination["address"]>): boolean {
  return address !== null && isSame(address, other);
}
