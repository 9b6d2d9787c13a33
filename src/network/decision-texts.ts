import { destinationText } from "../model/egress.ts";
import { type Address, addressText } from "./address.ts";
import type { AddressClass } from "./address-class.ts";
import { isInternalName } from "./rule.ts";

/** What there is to say about. */
interface Named {
  readonly host: string | null;
  readonly address: Address | null;
  readonly port: number | null;
}

const classNames: Record<AddressClass, string> = {
  public: "a public address",
  private: "a private address",
  loopback: "an address of this machine's loopback",
  "link-local": "a link-local address",
  metadata: "the address of a cloud's metadata service",
  host: "an address of this machine",
  multicast: "a multicast address",
  reserved: "a reserved address",
};

/** Why an address is not reached by default. */
export function whyInternal({
  addressClass,
  isProxy,
  ...named
}: Named & { readonly addressClass: AddressClass | null; readonly isProxy?: boolean }): string {
  const { host, address } = named;
  const what = nameOf(named);
  const kind = isProxy ? "a proxy of this machine" : classNames[addressClass ?? "reserved"];
  if (host === null || address === null)
    return `${what} is ${kind}; only a rule about the address opens it.`;
  return `${what} leads to ${addressText(address)}, ${kind}; only a rule about the address opens it.`;
}

/** Why a name that only a proxy could look up is not reached by default. */
export function whyLeftToProxy(named: Named): string {
  const what = `${nameOf(named)} is unknown to this machine, and nobody could tell where its proxy would lead`;
  const isOwn = named.host !== null && isInternalName(named.host);
  return `${what}; only a rule about ${isOwn ? "its address" : "the name"} opens it.`;
}

/** As sentences name it. */
export function nameOf({ host, address, port }: Named): string {
  const name = host ?? (address === null ? "" : addressText(address));
  return port === null ? name : destinationText(name, port);
}
